"""A search: from parameters to the answer."""

import json
import time
import uuid
from collections.abc import Sequence
from typing import Any

from portal_local.search.errors import Failure
from portal_local.search.index.attributes import Rules
from portal_local.search.index.index import Index
from portal_local.search.query.filter_evaluation import Filtering
from portal_local.search.query.filter_parameter import parsed
from portal_local.search.query.matching import Matching
from portal_local.search.query.query import read
from portal_local.search.ranking.bucket_sort import Ordering, Ranked, one_of_each, rules_for
from portal_local.search.ranking.rules import levels
from portal_local.search.ranking.score import score
from portal_local.search.results.attributes import Selection
from portal_local.search.results.facet_counts import distribution
from portal_local.search.results.formatting import Showing
from portal_local.search.results.params import Params


class Search:
    """One search over one index; the caller holds the engine's lock."""

    def __init__(self, index: Index, params: Params) -> None:
        self._index = index
        self._params = params
        self._rules = index.rules
        self._began = time.perf_counter()

    def selected(self) -> tuple[Matching, int]:
        """The query's matching, and the documents that match it and the filter."""
        params, index = self._params, self._index
        query = read(params.q, self._rules)
        matching = Matching(index, query, self._search_fields())
        filtering = Filtering(index.facets, index.alive, self._rules.why_not_filterable)
        found = filtering.selected(parsed(params.filter)) & ~matching.excluded()
        if matching.terms:
            universe, found = found, 0
            for kept in reversed(levels(matching, params.matching_strategy)):
                for part in matching.by_typos(kept, universe & ~found).values():
                    found |= part
        return matching, found

    def answer(self) -> str:
        """The answer as JSON text."""
        params = self._params
        sorts = sorting(self._rules, params.sort)
        matching, found = self.selected()
        name = params.distinct or self._rules.distinct
        distinct = self._index.facets.field(name) if name else None
        if params.distinct:
            self._check_distinct(params.distinct)
        graded = params.show_ranking_score or params.show_ranking_score_details
        rules = rules_for(self._index, matching, params.matching_strategy, sorts)
        threshold = params.ranking_score_threshold
        start, count = params.window(self._rules.max_total_hits)
        if threshold is None:
            ordering = Ordering(rules, graded=graded, distinct=distinct)
            page = ordering.page(found, start, count)
            remaining = found if distinct is None else one_of_each(distinct, found)
            total = remaining.bit_count()
        else:
            ordering = Ordering(rules, graded=True, distinct=distinct)
            ranked = ordering.page(found, 0, found.bit_count())
            good = [hit for hit in ranked if score(hit[1]) >= threshold]
            page, total = good[start : start + count], len(good)
            found = sum(1 << number for number, _ in good)
        return self._told(matching, page, found, min(total, self._rules.max_total_hits))

    def _told(self, matching: Matching, page: Sequence[Ranked], found: int, total: int) -> str:
        params = self._params
        hits = self._hits(matching, page)
        rest: dict[str, Any] = {"query": params.q}
        if params.paged:
            size = 20 if params.hits_per_page is None else params.hits_per_page
            rest["hitsPerPage"] = size
            rest["page"] = 1 if params.page is None else params.page
            rest["totalPages"] = -(-total // size) if size else 0
            rest["totalHits"] = total
        else:
            rest["limit"] = params.limit
            rest["offset"] = params.offset
            rest["estimatedTotalHits"] = total
        if params.facets is not None:
            rest["facetDistribution"], rest["facetStats"] = distribution(
                self._index, params.facets, found
            )
        rest["processingTimeMs"] = int((time.perf_counter() - self._began) * 1000)
        rest["requestUid"] = str(uuid.uuid4())
        return f'{{"hits":[{",".join(hits)}],{json.dumps(rest, ensure_ascii=False)[1:]}'

    def _hits(self, matching: Matching, page: Sequence[Ranked]) -> list[str]:
        params = self._params
        selection = Selection(self._rules, params.attributes_to_retrieve)
        showing = Showing(self._index, params, matching, selection)
        hits: list[str] = []
        pieces = self._index.pieces([number for number, _ in page])
        for (_number, grades), document in zip(page, pieces, strict=True):
            members = selection.members(document)
            members += showing.extras(document, grades)
            hits.append("{" + ",".join(members) + "}")
        return hits

    def _search_fields(self) -> frozenset[int] | None:
        wanted = self._params.attributes_to_search_on
        if wanted is None or "*" in wanted:
            return None
        fields: set[int] = set()
        for name in wanted:
            if not _may_be_searched(self._rules, name):
                listed = ", ".join(f"`{known}`" for known in sorted(self._rules.searchable))
                raise Failure(
                    "invalid_search_attributes_to_search_on",
                    f"Attribute `{name}` is not searchable. Available searchable attributes are: "
                    f"{listed}.",
                )
            fields |= {
                number
                for field, number in self._index.fields.items()
                if field == name or field.startswith(f"{name}.")
            }
        return frozenset(fields)

    def _check_distinct(self, name: str) -> None:
        reason = self._rules.why_not_filterable(name)
        if reason:
            raise Failure("invalid_search_distinct", reason)


def _may_be_searched(rules: Rules, name: str) -> bool:
    nested = any(pattern.startswith(f"{name}.") for pattern in rules.searchable)
    return nested or rules.weight(name) is not None


def sorting(rules: Rules, wanted: Sequence[str]) -> list[tuple[str, bool]]:
    """The fields to sort by and whether downwards; refuses what may not be sorted by."""
    found: list[tuple[str, bool]] = []
    for text in wanted:
        field, _, direction = text.rpartition(":")
        if not field or direction not in ("asc", "desc"):
            raise Failure(
                "invalid_search_sort",
                "Invalid syntax for the sort parameter: expected expression ending by `:asc` or "
                f"`:desc`, found `{text}`.",
            )
        if not rules.is_sortable(field):
            listed = ", ".join(f"`{name}`" for name in rules.sortable)
            tail = (
                f"Available sortable attributes are: `{listed[1:-1]}`."
                if listed
                else "This index does not have configured sortable attributes."
            )
            raise Failure("invalid_search_sort", f"Attribute `{field}` is not sortable. {tail}")
        found.append((field, direction == "desc"))
    if found and "sort" not in rules.ranking:
        raise Failure(
            "invalid_search_sort",
            "You must specify where `sort` is listed in the rankingRules setting to use the sort "
            "parameter at search time.",
        )
    return found
