"""The one search behind a page of results: rows, facets, chips, corrections, in few requests.

One request of several queries: the page with the facets that have no condition; one query for each
facet with a condition, without it; and the values that all datasets have, so that zeros stay. The
last is the same for all searches: its answer is used for some seconds.
"""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from portal_shared.search import index_fields

from portal_gateway.criteria import compiler
from portal_gateway.criteria.criteria import Criteria
from portal_gateway.engine.client import Engine, Hit
from portal_gateway.engine.locator import MAX_SKIPPED, PageLocator, RowList
from portal_gateway.engine.reader import RowReader
from portal_gateway.labels.fields import FieldTable
from portal_gateway.results import cards, chips, exports
from portal_gateway.results.corrections import corrections, highlight_options
from portal_gateway.results.facets import Counts, facet_view, index_field
from portal_gateway.results.models import Card, Drop, FacetView, SearchPage
from portal_gateway.search import word_search
from portal_gateway.search.word_search import WordSearch

INDEX = index_fields.DATASETS
MAX_DROPS = 20
BATCH_SIZE = 500  # datasets that an export reads at once
ALL_COUNTS_SECONDS = 5.0  # the counts of all datasets are used for so long
Query = dict[str, Any]


class ResultSearch:
    def __init__(self, engine: Engine, table: FieldTable) -> None:
        self._engine = engine
        self._reader = RowReader(engine)
        self._locator = PageLocator(engine)
        self.table = table
        self._facets = [name for name in table.facets if name in table.by_name]
        self._fields = {name: index_field(table.by_name[name]) for name in self._facets}
        self._all_counts = (Counts(), 0.0)  # of all datasets, and until when they are used

    async def load_page(self, criteria: Criteria) -> SearchPage:
        """Runs the search. Raises Unavailable if the engine cannot be reached."""
        expressions = compiler.compile_conditions(self.table, criteria)
        words = await self._words(criteria)
        nothing = bool(criteria.words) and words is None
        queries = self._queries(criteria, expressions, words, nothing=nothing)
        everything, (main, *others) = await self._search(queries)
        if main["totalHits"] and self._is_deep(criteria):
            main["hits"] = await self._deep_hits(criteria, queries[0])
        rows = await self._with_zooms(
            [cards.listed_card(self.table, hit[index_fields.CARD]) for hit in main["hits"]]
        )
        total: int = main["totalHits"]
        return SearchPage(
            total=total,
            page=criteria.page,
            pages=-(-total // criteria.per_page),
            per_page=criteria.per_page,
            sort=criteria.sort,
            words=criteria.words,
            query=criteria.address(self.table),
            rows=rows,
            facets=self._views(criteria, Counts.of(main), everything, others),
            chips=chips.chips(self.table, criteria),
            corrections=corrections(words.words, main["hits"]) if words and not words.exact else [],
            ignored_words=list(words.ignored) if words else [],
            drop=[] if total else await self._drops(criteria),
            exports=exports.links(self.table, criteria),
        )

    async def _search(self, queries: list[Query]) -> tuple[Counts, list[dict[str, Any]]]:
        """Returns the counts of all datasets, and the answers to these queries."""
        counts, until = self._all_counts
        if time.monotonic() < until:
            return counts, await self._engine.multi_search(INDEX, queries)
        every = _count(None, None, facets=[*self._fields.values(), index_fields.RECORDED])
        first, *answers = await self._engine.multi_search(INDEX, [every, *queries])
        counts = Counts.of(first)
        self._all_counts = (counts, time.monotonic() + ALL_COUNTS_SECONDS)
        return counts, answers

    def _is_deep(self, criteria: Criteria) -> bool:
        skipped = (criteria.page - 1) * criteria.per_page
        return skipped > MAX_SKIPPED and bool(compiler.sort_rules(self.table, criteria))

    async def _deep_hits(self, criteria: Criteria, main: Query) -> list[Hit]:
        """Loads the hits of a page far behind the first; `main` is the query that counts them."""
        paged = ("facets", "hitsPerPage", "page", "sort")
        query = {name: value for name, value in main.items() if name not in paged}
        skip = (criteria.page - 1) * criteria.per_page
        rows = RowList(INDEX, query, compiler.sort_rules(self.table, criteria))
        return (await self._locator.load(rows, skip, criteria.per_page))[0]

    async def count(self, criteria: Criteria) -> int:
        """Counts the datasets of the search."""
        query = await self._whole(criteria)
        if query is None:
            return 0
        body = {**query, "hitsPerPage": 0, "page": 1}
        return int((await self._engine.search(INDEX, body))["totalHits"])

    async def read_cards(self, criteria: Criteria) -> AsyncGenerator[list[Card]]:
        """Yields all datasets of the search in batches, in its order."""
        query = await self._whole(criteria)
        if query is None:
            return
        query["attributesToRetrieve"] = [index_fields.CARD]
        order = compiler.sort_rules(self.table, criteria) or None
        async for hits in self._reader.read(INDEX, query, order, size=BATCH_SIZE):
            yield [cards.parse_card(self.table, hit[index_fields.CARD]) for hit in hits]

    async def _whole(self, criteria: Criteria) -> Query | None:
        """Returns the query for all datasets, without an order; None if nothing is found."""
        words = await self._words(criteria)
        if criteria.words and words is None:
            return None
        conditions = compiler.compile_conditions(self.table, criteria)
        return _query(compiler.join(conditions), words)

    async def _words(self, criteria: Criteria) -> WordSearch | None:
        if not criteria.words:
            return None
        return await word_search.choose(self._engine, INDEX, criteria.words, exact=criteria.exact)

    def _queries(
        self,
        criteria: Criteria,
        expressions: Mapping[str, str],
        words: WordSearch | None,
        *,
        nothing: bool,
    ) -> list[Query]:
        free = [self._fields[n] for n in self._facets if n not in expressions]
        sort, deep = compiler.sort_rules(self.table, criteria), self._is_deep(criteria)
        main = _query(
            compiler.join(expressions),
            words,
            facets=[*free, index_fields.RECORDED],
            hitsPerPage=0 if deep else criteria.per_page,
            page=1 if deep else criteria.page,
            attributesToRetrieve=[index_fields.CARD],
            **({"sort": sort} if sort else {}),
            **(highlight_options() if words and not words.exact else {}),
        )
        others = [
            _count(
                compiler.join(expressions, without=name),
                words,
                facets=[self._fields[name], index_fields.RECORDED],
            )
            for name in self._conditioned(criteria)
        ]
        if nothing:  # no record has any of the words
            main, *others = (_empty(query) for query in (main, *others))
        return [main, *others]

    def _conditioned(self, criteria: Criteria) -> list[str]:
        return [name for name in self._facets if name in criteria.conditions]

    def _views(
        self, criteria: Criteria, main: Counts, everything: Counts, others: Sequence[Any]
    ) -> list[FacetView]:
        own = dict(zip(self._conditioned(criteria), map(Counts.of, others), strict=True))
        views = (
            facet_view(
                self.table, name, criteria.conditions.get(name), own.get(name, main), everything
            )
            for name in self._facets
        )
        return [view for view in views if view is not None]

    async def _with_zooms(self, rows: list[Card]) -> list[Card]:
        """Adds the number of public zooms that are registered to each row."""
        target = self.table.profile.site.roles.overview
        listed = [row.name for row in rows if row.type != "zoom"] if target else []
        if not target or not listed:
            return rows
        key = index_fields.parameter_key(target)
        digests = ", ".join(f'"{index_fields.digest(name)}"' for name in listed)
        field = f"{index_fields.PARAMETERS}.{key}.s"
        query = _count(f"{field} IN [{digests}]", None, facets=[field])
        answer = await self._engine.search(INDEX, query)
        counts = answer["facetDistribution"].get(field, {})
        found = ((row, counts.get(index_fields.digest(row.name), 0)) for row in rows)
        return [row.model_copy(update={"zooms": n}) if n else row for row, n in found]

    async def _drops(self, criteria: Criteria) -> list[Drop]:
        """Returns what is found without each part of the search, most first."""
        listed = [
            (chip, criteria.without_value(chip.field, chip.value))
            for chip in chips.chips(self.table, criteria)
        ]
        if criteria.words:
            listed.append((chips.words_chip(criteria), replace(criteria, words="")))
        queries: list[Query] = []
        for _, left in listed[:MAX_DROPS]:
            words = await self._words(left)
            query = _count(compiler.join(compiler.compile_conditions(self.table, left)), words)
            queries.append(_empty(query) if left.words and words is None else query)
        answers = await self._engine.multi_search(INDEX, queries) if queries else []
        found = [
            Drop(chip=chip, count_without=answer["totalHits"])
            for (chip, _), answer in zip(listed, answers, strict=False)
        ]
        return sorted(found, key=lambda drop: -drop.count_without)


def _query(expression: str | None, words: WordSearch | None, **options: Any) -> Query:
    query: Query = {**options, **(words.parameters() if words else {})}
    return {**query, "filter": expression} if expression else query


def _count(expression: str | None, words: WordSearch | None, **options: Any) -> Query:
    return _query(expression, words, hitsPerPage=0, page=1, **options)


def _empty(query: Query) -> Query:
    """Returns a query that finds nothing."""
    return {**query, "filter": f"{index_fields.ID} IN []"}
