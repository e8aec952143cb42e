"""Executes a search: from its parameters to the JSON answer."""

import json
import time
import uuid
from collections.abc import Sequence
from typing import Any

from portal_local.search.errors import Failure
from portal_local.search.index.attributes import IndexRules
from portal_local.search.index.index import Index
from portal_local.search.query.filter_evaluation import FilterEvaluator
from portal_local.search.query.filter_parameter import parse_filter
from portal_local.search.query.matcher import Matcher
from portal_local.search.query.query import parse_query
from portal_local.search.ranking.bucket_sort import (
    BucketSort,
    Ranked,
    rules_for,
    without_duplicates,
)
from portal_local.search.ranking.rules import term_levels
from portal_local.search.ranking.score import score
from portal_local.search.results.attributes import MemberSelection
from portal_local.search.results.facet_counts import distribution
from portal_local.search.results.hit_formatter import HitFormatter
from portal_local.search.results.params import Params


class Search:
    """One search in one index; the caller has locked the engine."""

    def __init__(self, index: Index, params: Params) -> None:
        self._index = index
        self._params = params
        self._rules = index.rules
        self._began = time.perf_counter()

    def matching_documents(self) -> tuple[Matcher, int]:
        """Returns the matcher of the query, and the documents that match query and filter."""
        params, index = self._params, self._index
        query = parse_query(params.q, self._rules)
        matcher = Matcher(index, query, self._search_fields())
        filtering = FilterEvaluator(index.facets, index.alive, self._rules.why_not_filterable)
        found = filtering.evaluate(parse_filter(params.filter)) & ~matcher.excluded()
        if matcher.terms:
            universe, found = found, 0
            for terms in reversed(term_levels(matcher, params.matching_strategy)):
                for part in matcher.by_typos(terms, universe & ~found).values():
                    found |= part
        return matcher, found

    def answer(self) -> str:
        """Runs the search; returns the answer as JSON text."""
        params = self._params
        sorts = parse_sort(self._rules, params.sort)
        matcher, found = self.matching_documents()
        name = params.distinct or self._rules.distinct
        distinct = self._index.facets.field(name) if name else None
        if params.distinct:
            self._check_distinct(params.distinct)
        graded = params.show_ranking_score or params.show_ranking_score_details
        rules = rules_for(self._index, matcher, params.matching_strategy, sorts)
        threshold = params.ranking_score_threshold
        start, count = params.window(self._rules.max_total_hits)
        end = self._began + self._rules.max_seconds
        if threshold is None:
            ordering = BucketSort(rules, graded=graded, distinct=distinct, end=end)
            page = ordering.page(found, start, count)
            remaining = found if distinct is None else without_duplicates(distinct, found)
            total = remaining.bit_count()
        else:
            ordering = BucketSort(rules, graded=True, distinct=distinct, end=end)
            ranked = ordering.page(found, 0, found.bit_count())
            good = [hit for hit in ranked if score(hit[1]) >= threshold]
            page, total = good[start : start + count], len(good)
            found = sum(1 << number for number, _ in good)
        return self._response(matcher, page, found, total)

    def _response(self, matcher: Matcher, page: Sequence[Ranked], found: int, total: int) -> str:
        params = self._params
        hits = self._hits(matcher, page)
        rest: dict[str, Any] = {"query": params.q}
        if params.is_paged:
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

    def _hits(self, matcher: Matcher, page: Sequence[Ranked]) -> list[str]:
        params = self._params
        selection = MemberSelection(self._rules, params.attributes_to_retrieve)
        showing = HitFormatter(self._index, params, matcher, selection)
        hits: list[str] = []
        pieces = self._index.load_members([number for number, _ in page])
        for (_number, grades), document in zip(page, pieces, strict=True):
            members = selection.members(document)
            members += showing.extras(document, grades)
            hits.append("{" + ",".join(members) + "}")
        return hits

    def _search_fields(self) -> frozenset[int] | None:
        wanted = self._params.attributes_to_search_on
        if wanted is None or "*" in wanted:
            return None
        for name in wanted:
            if not _may_be_searched(self._rules, name):
                listed = ", ".join(f"`{known}`" for known in sorted(self._rules.searchable))
                raise Failure(
                    "invalid_search_attributes_to_search_on",
                    f"Attribute `{name}` is not searchable. Available searchable attributes are: "
                    f"{listed}.",
                )
        names, below = frozenset(wanted), tuple(f"{name}." for name in wanted)
        return frozenset(
            number
            for field, number in self._index.fields.items()
            if field in names or field.startswith(below)
        )

    def _check_distinct(self, name: str) -> None:
        reason = self._rules.why_not_filterable(name)
        if reason:
            raise Failure("invalid_search_distinct", reason)


def _may_be_searched(rules: IndexRules, name: str) -> bool:
    nested = any(pattern.startswith(f"{name}.") for pattern in rules.searchable)
    return nested or rules.weight(name) is not None


def parse_sort(rules: IndexRules, wanted: Sequence[str]) -> list[tuple[str, bool]]:
    """Parses the sort parameter to fields and whether descending. Raises Failure."""
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
