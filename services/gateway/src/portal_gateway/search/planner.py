"""Plans a search and runs it: finds exactly the records that satisfy the filter.

If the compiled filter is exact, the engine counts and pages. Otherwise candidates are read in
batches and evaluated here with the same syntax tree; rows that match for certain are not evaluated.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from portal_shared.contracts.records import pid_key
from portal_shared.runtime.errors import Unavailable
from portal_shared.search import index_fields

from portal_gateway.catalogue import Catalogue
from portal_gateway.engine import compiler
from portal_gateway.engine.client import Engine, Hit
from portal_gateway.engine.filter import ALL_ROWS, Filter
from portal_gateway.engine.reader import RowReader
from portal_gateway.filters import includes, predicates, techniques
from portal_gateway.filters.ast import Row, Search
from portal_gateway.filters.schema import COLLECTIONS
from portal_gateway.filters.techniques import Names
from portal_gateway.search import dataset_join, relations, word_search
from portal_gateway.search.relations import PID_ORDER
from portal_gateway.search.time_budget import TimeBudget
from portal_gateway.search.word_search import WordSearch

SCORE_WITHOUT_QUERY = 0.5
BATCH_SIZE = 1000
BATCH_SIZE_WITH_RELATIONS = 200


@dataclass(frozen=True)
class Plan:
    """How a search is run by the engine."""

    search: Search
    names: Names
    filter: Filter
    words: WordSearch | None  # None: the search has no words
    sort: tuple[str, ...] | None  # None: the engine cannot sort by the requested order
    time_budget: TimeBudget = field(default_factory=TimeBudget)

    @property
    def index(self) -> str:
        return COLLECTIONS[self.search.entity.name]

    @property
    def dataset_prefix(self) -> str:
        """Prefix of the index fields that have values of a document's datasets."""
        return f"{index_fields.DATASET_FIELDS}." if self.index == index_fields.DOCUMENTS else ""

    @property
    def attributes(self) -> list[str]:
        """Index fields that are read for each candidate."""
        return relations.stored_attributes(self.search.include)

    @property
    def row_order(self) -> tuple[str, ...] | None:
        """Sort rules of the engine in which the rows are read; None: relevance."""
        return self.sort if self.search.paging.order or not self.words else None

    def rows_query(self) -> dict[str, Any]:
        """Returns the engine's query for the rows, without order and page."""
        query: dict[str, Any] = {"attributesToRetrieve": self.attributes}
        if self.filter.text:
            query["filter"] = self.filter.text
        if self.words:
            query |= {**self.words.parameters(), "showRankingScore": True}
        return query

    def with_filter(self, other: Filter) -> "Plan":
        """Returns the same plan with other candidates."""
        return replace(self, filter=other)

    def engine_query(self, **options: Any) -> dict[str, Any]:
        """Returns the body of a search request."""
        query = self.rows_query() | options
        if self.row_order:
            query["sort"] = list(self.row_order)
        return query


class Searcher:
    def __init__(self, engine: Engine, catalogue: Catalogue) -> None:
        self.engine = engine
        self._catalogue = catalogue
        self._relations = relations.Relations(engine, catalogue)
        self._reader = RowReader(engine)

    async def make_plan(self, search: Search) -> Plan | None:
        """Compiles the search; None if no record can satisfy it."""
        names = await self._catalogue.load_technique_terms(techniques.queried_names(search.include))
        compiled = compiler.compile_filter(search, names)
        if compiled.nothing:
            return None
        index = COLLECTIONS[search.entity.name]
        words = await word_search.choose(self.engine, index, search.query) if search.query else None
        if search.query and words is None:
            return None
        return Plan(search, names, compiled, words, _sort(search))

    async def count(self, search: Search) -> int:
        """Counts the records that satisfy the search."""
        plan = await self.make_plan(search)
        if plan is None:
            return 0
        if plan.filter.exact:
            return await self.count_candidates(plan)
        if dataset_join.can_join_on_datasets(search):
            count = await self._count_by_datasets(plan)
            if count is not None:
                return count
        certain = 0
        if plan.filter.certain:
            certain_filter = Filter(plan.filter.certain, exact=True)
            certain = await self.count_candidates(plan.with_filter(certain_filter))
            plan = plan.with_filter(Filter(plan.filter.undecided, exact=False))
        return certain + sum([len(b) async for b in self.select(plan, project=False)])

    async def _count_by_datasets(self, plan: Plan) -> int | None:
        documents = await dataset_join.find_documents(self.engine, plan.search, plan.names)
        if documents is None:
            return None
        remaining = dataset_join.remaining_conditions(plan.search)
        others = compiler.compile_filter(remaining, plan.names)
        if others.nothing or not documents:
            return 0
        if others == ALL_ROWS and not plan.search.query:
            return len(documents)
        if others.exact and len(documents) <= dataset_join.MAX_PIDS_IN_FILTER:
            by_pid = dataset_join.pid_filter(dataset_join.document_pids(documents), others)
            return await self.count_candidates(plan.with_filter(by_pid))
        return None

    async def count_candidates(self, plan: Plan) -> int:
        """Counts the rows that the plan's filter selects; they match if it is exact."""
        answer = await self.engine.search(plan.index, plan.engine_query(hitsPerPage=0, page=1))
        return answer["totalHits"]

    async def facet_distribution(
        self, plan: Plan, fields: list[str], condition: str = ""
    ) -> dict[str, Any]:
        """Counts values of fields, over rows of an exact plan that satisfy the condition."""
        query = plan.engine_query(hitsPerPage=0, page=1, facets=fields)
        return await self.engine.search(plan.index, _narrow(query, condition))

    async def count_each(self, plan: Plan, conditions: Sequence[str]) -> list[int]:
        """Counts the rows of an exact plan that satisfy each condition."""
        if not conditions:
            return []
        query = plan.engine_query(hitsPerPage=0, page=1)
        queries = [_narrow(query, condition) for condition in conditions]
        return [a["totalHits"] for a in await self.engine.multi_search(plan.index, queries)]

    async def select(self, plan: Plan, *, project: bool = True) -> AsyncGenerator[list[Row]]:
        """Yields all rows that satisfy the search, in batches, in the engine's order."""
        has_lookups = any(not i.relation.stored or i.include for i in plan.search.include)
        size = BATCH_SIZE_WITH_RELATIONS if has_lookups else BATCH_SIZE
        query, order = plan.rows_query(), plan.row_order
        async for hits in self._reader.read(plan.index, query, order, size=size):
            yield await self.evaluate(plan, hits, project=project)

    async def evaluate(self, plan: Plan, hits: Sequence[Hit], *, project: bool = True) -> list[Row]:
        """Returns the hits that satisfy the search, with the requested relations.

        With `project=False` the rows lack their own fields: enough to count them.
        """
        search = plan.search
        candidates: list[tuple[Row, float]] = []
        plan.time_budget.start_slice()
        for hit in hits:
            await plan.time_budget.check()
            candidate = relations.parse_row(hit)
            if predicates.satisfies(search.entity, search.where, candidate):
                candidates.append((candidate, score(hit)))
        await self._relations.attach(
            search.entity, [c for c, _ in candidates], search.include, plan.names
        )
        found: list[Row] = []
        plan.time_budget.start_slice()
        for candidate, its_score in candidates:
            await plan.time_budget.check()
            related = includes.select_relations(
                search.entity, candidate, search.include, plan.names, in_list=True
            )
            if related is not None:
                own = includes.without_relations(search.entity, candidate) if project else {}
                found.append({**own, **related, "score": its_score})
        return found

    async def load_record(self, search: Search, pid: str) -> Row | None:
        """Loads one record. Conditions of includes limit its relations, never exclude it."""
        stored = await self._load_stored(COLLECTIONS[search.entity.name], pid)
        return None if stored is None else await self._record_view(search, stored)

    async def load_record_json(self, search: Search, pid: str) -> bytes | None:
        """Loads one record as JSON; stored JSON is returned unchanged where possible."""
        stored = await self._load_stored(COLLECTIONS[search.entity.name], pid)
        if stored is None:
            return None
        if not search.include and not search.paging.has_projection():
            return stored["json"].encode()
        return orjson.dumps(await self._record_view(search, stored))

    async def _load_stored(self, index: str, pid: str) -> Hit | None:
        """Loads a record from the engine, which is fast, or else from the catalogue."""
        try:
            found = await self.engine.load_document(index, pid_key(pid))
        except Unavailable:
            found = None
        return found or await self._catalogue.load_record(index, pid)

    async def _record_view(self, search: Search, stored: Hit) -> Row:
        row = relations.parse_row(stored)
        names = await self._catalogue.load_technique_terms(techniques.queried_names(search.include))
        await self._relations.attach(search.entity, [row], search.include, names)
        related = includes.select_relations(
            search.entity, row, search.include, names, keep_parent=True
        )
        whole = {**includes.without_relations(search.entity, row), **(related or {})}
        return includes.project(whole, search.paging, search.entity)


def _narrow(query: dict[str, Any], condition: str) -> dict[str, Any]:
    """Adds a condition to the filter of an engine query."""
    if not condition:
        return query
    own = query.get("filter")
    return {**query, "filter": f"({own}) AND {condition}" if own else condition}


def _sort(search: Search) -> tuple[str, ...] | None:
    """Returns the order as sort rules of the engine, with the pid as the last rule.

    None for an order by score, among others, of the words of a query.
    """
    fields: list[str] = []
    for name, descending in search.paging.order:
        direction = "desc" if descending else "asc"
        if name == "pid":
            return (*fields, f"{index_fields.ORDER}:{direction}")
        if name == "score":
            if search.query:
                return None
            continue  # without a query all scores are equal
        kind = search.entity.fields[name]
        if kind == "boolean":
            continue  # all records that are found are public
        group = index_fields.NUMBERS if kind in ("number", "date") else index_fields.TEXT_ORDER
        fields.append(f"{group}.{name}:{direction}")
    return (*fields, *PID_ORDER)


def score(hit: Hit) -> float:
    """Returns a score between 0 and 1, both excluded, on the same scale for all queries."""
    ranking: float | None = hit.get("_rankingScore")
    return SCORE_WITHOUT_QUERY if ranking is None else round(0.01 + 0.98 * ranking, 9)
