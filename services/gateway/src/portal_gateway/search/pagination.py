"""Pages of a list: the rows of one page of a search, and the total number of rows.

If the filter is exact, or all but a few rows are decided, and the engine can sort by the requested
order, the engine pages and counts. Otherwise all candidates are evaluated, and sorting and paging
happen here, with the sort keys of the rows, because all rows may not fit into memory.
"""

import math
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from portal_shared.contracts.records import pid_key

from portal_gateway.engine import compiler
from portal_gateway.engine.client import Engine, Hit
from portal_gateway.engine.filter import ALL_ROWS, Filter
from portal_gateway.engine.locator import MAX_SKIPPED, PageLocator, RowList
from portal_gateway.engine.positions import both, position_of, rows_after, sort_fields
from portal_gateway.engine.reader import MAX_HITS, RowReader
from portal_gateway.errors import BadRequest
from portal_gateway.filters import includes
from portal_gateway.filters.ast import Row, Search, conditional_includes
from portal_gateway.search import dataset_join
from portal_gateway.search.planner import SCORE_WITHOUT_QUERY, Plan, Searcher, score
from portal_gateway.search.relations import PID_ORDER
from portal_gateway.search.time_budget import TimeBudget

MAX_BUFFERED_ROWS = 500  # a longer list is sent while it is read
FIRST_ROWS = 100  # that are read of a list without limit: it may be long, and the reader waits
BATCH_SIZE = 1000
MAX_SORTED_ROWS = 10_000  # sorted here, because the engine has no such order
MAX_PIDS_PER_REQUEST = 200
MAX_UNDECIDED = 200  # rows evaluated one by one so that the engine can page the others
MAX_UNDECIDED_DOCUMENTS = 20  # likewise, where a search of the datasets is the alternative
_ROW_END = f',"score":{SCORE_WITHOUT_QUERY!r}}}'  # of a row without a query


@dataclass(frozen=True)
class Page:
    rows: list[bytes]  # JSON
    total: int
    more: AsyncGenerator[list[bytes]] | None = None  # further rows of a long list


class Paginator:
    def __init__(self, searcher: Searcher, engine: Engine) -> None:
        self._searcher = searcher
        self._engine = engine
        self._reader = RowReader(engine)
        self._locator = PageLocator(engine)

    async def load_page(self, search: Search, *, whole: bool = True) -> Page:
        """Loads the rows of a page and the total.

        With `whole=False` only the first rows of a long page are loaded; `more` yields the others.
        """
        plan = await self._searcher.make_plan(search)
        if plan is None:
            return Page([], 0)
        if plan.sort is not None and plan.filter.exact:
            long = search.paging.limit is None or search.paging.limit > MAX_BUFFERED_ROWS
            return await (
                self._stream_by_engine(plan) if long and not whole else self._page_by_engine(plan)
            )
        if plan.sort is not None and plan.filter.certain:
            page = await self._page_with_undecided(plan, plan.filter.certain)
            if page is not None:
                return page
        if plan.sort is not None and dataset_join.can_join_on_datasets(search):
            page = await self._page_by_datasets(plan)
            if page is not None:
                return page
        return await self._page_by_evaluation(plan, whole=whole)

    async def _page_by_engine(self, plan: Plan) -> Page:
        paging = plan.search.paging
        if plan.row_order and paging.limit is not None and paging.skip > MAX_SKIPPED:
            return await self._deep_page(plan, plan.row_order, paging.limit)
        answers = await self._engine.multi_search(plan.index, _page_queries(plan))
        return await self._make_page(plan, answers)

    async def _deep_page(self, plan: Plan, order: Sequence[str], limit: int) -> Page:
        rows = RowList(plan.index, plan.rows_query(), order)
        hits, total = await self._locator.load(rows, plan.search.paging.skip, limit)
        return await self._make_page(plan, [{"hits": hits, "totalHits": total}], skip=0)

    async def _stream_by_engine(self, plan: Plan) -> Page:
        """Loads the first rows; the rest is read in batches while it is sent."""
        order, paging = plan.row_order, plan.search.paging
        few = FIRST_ROWS if order else MAX_BUFFERED_ROWS  # words are ranked again for the rest
        limit = min(paging.limit or MAX_HITS, few, MAX_BUFFERED_ROWS)
        if order and paging.skip > MAX_SKIPPED:
            rows = RowList(plan.index, plan.rows_query(), order)
            hits, total = await self._locator.load(rows, paging.skip, limit)
        else:
            attributes = [*plan.attributes, *(sort_fields(order) if order else ())]
            first = plan.engine_query(
                offset=paging.skip, limit=limit, attributesToRetrieve=attributes
            )
            count = plan.engine_query(hitsPerPage=0, page=1)
            found, counted = await self._engine.multi_search(plan.index, [first, count])
            hits, total = found["hits"], counted["totalHits"]
        page = await self._make_page(plan, [{"hits": hits, "totalHits": total}], skip=0)
        end = total if paging.limit is None else min(total, paging.skip + paging.limit)
        if end <= paging.skip + limit or not hits:
            return page
        rest = self._read_rest(plan, hits[-1], paging.skip + limit, end)
        if end - paging.skip > MAX_BUFFERED_ROWS:
            return replace(page, more=rest)
        return replace(page, rows=[*page.rows, *[row async for rows in rest for row in rows]])

    async def _read_rest(
        self, plan: Plan, last: Hit, start: int, end: int
    ) -> AsyncGenerator[list[bytes]]:
        """Yields the rows from `start` to before `end`; `last` is the hit before them."""
        plan = replace(plan, time_budget=TimeBudget(math.inf))
        query, order = plan.rows_query(), plan.row_order
        skip = start
        if order:
            after = rows_after(order, position_of(order, last))
            query["filter"] = both(query.get("filter"), after)
            skip = 0
        batches = self._reader.read(
            plan.index, query, order, size=BATCH_SIZE, skip=skip, limit=end - start
        )
        async for hits in batches:
            answer = {"hits": hits, "totalHits": end}
            yield (await self._make_page(plan, [answer], skip=0)).rows

    async def _page_with_undecided(self, plan: Plan, certain: str) -> Page | None:
        """Evaluates the undecided rows; the engine pages them with the certain ones.

        None if there are too many undecided rows.
        """
        undecided = plan.with_filter(Filter(plan.filter.undecided, exact=False))
        joinable = dataset_join.can_join_on_datasets(plan.search)
        limit = MAX_UNDECIDED_DOCUMENTS if joinable else MAX_UNDECIDED
        candidates = undecided.engine_query(
            hitsPerPage=limit, page=1, attributesToRetrieve=plan.attributes
        )
        certain_plan = plan.with_filter(Filter(certain, exact=True))
        first, *rest = await self._engine.multi_search(
            plan.index, [candidates, *_page_queries(certain_plan)]
        )
        if first["totalHits"] > limit:
            return None
        found = await self._searcher.evaluate(plan, first["hits"])
        if not found:
            return await self._make_page(certain_plan, rest)
        keys = ", ".join(pid_key(row["pid"]) for row in found)
        exact = Filter(f"({certain} OR id IN [{keys}])", exact=True)
        return await self._page_by_engine(plan.with_filter(exact))

    async def _page_by_datasets(self, plan: Plan) -> Page | None:
        """Finds the documents by their datasets; None if those cannot decide."""
        search, paging = plan.search, plan.search.paging
        documents = await dataset_join.find_documents(self._engine, search, plan.names)
        if documents is None:
            return None
        others = compiler.compile_filter(dataset_join.remaining_conditions(search), plan.names)
        if others.nothing or not documents:
            return Page([], 0)
        if others == ALL_ROWS and not search.query and plan.sort == PID_ORDER:
            page = dataset_join.document_pids(documents[paging.skip :][: paging.limit])
            rows = [row async for batch in self._read_by_pids(plan, page) for row in batch]
            return Page(rows, len(documents))
        if others.exact and len(documents) <= dataset_join.MAX_PIDS_IN_FILTER:
            pids = dataset_join.document_pids(documents)
            return await self._page_by_engine(
                plan.with_filter(dataset_join.pid_filter(pids, others))
            )
        return None

    async def _read_by_pids(self, plan: Plan, pids: Sequence[str]) -> AsyncGenerator[list[bytes]]:
        for start in range(0, len(pids), MAX_PIDS_PER_REQUEST):
            some = dataset_join.pid_filter(pids[start : start + MAX_PIDS_PER_REQUEST], ALL_ROWS)
            query = plan.with_filter(some).engine_query(
                limit=MAX_PIDS_PER_REQUEST, attributesToRetrieve=plan.attributes
            )
            hits = (await self._engine.search(plan.index, query))["hits"]
            yield [_serialize(row, plan) for row in await self._searcher.evaluate(plan, hits)]

    async def _make_page(
        self, plan: Plan, answers: Sequence[dict[str, Any]], *, skip: int | None = None
    ) -> Page:
        """Makes the page of answers to _page_queries(): first the hits, last the total."""
        paging = plan.search.paging
        hits: list[Hit] = answers[0]["hits"]
        total: int = answers[-1]["totalHits"]
        if paging.limit is None:
            hits = hits[paging.skip if skip is None else skip :]
        if _is_plain(plan.search):
            return Page([_with_score(hit) for hit in hits], total)
        found = await self._searcher.evaluate(plan, hits)
        return Page([_serialize(row, plan) for row in found], total)

    async def _page_by_evaluation(self, plan: Plan, *, whole: bool) -> Page:
        """Evaluates every candidate. Of a long page, later rows are remembered by key only."""
        if plan.sort is None:
            return await self._page_by_local_sort(plan, whole=whole)
        paging = plan.search.paging
        keys_only = _keys_only(plan)
        by_key = paging.limit is not None and keys_only.search != plan.search
        rows: list[bytes] = []
        keys: list[Row] = []
        total = 0
        async for batch in self._searcher.select(keys_only if by_key else plan):
            wanted = batch[max(0, paging.skip - total) :]
            if paging.limit is not None:
                wanted = wanted[: max(0, paging.limit - len(rows) - len(keys))]
            total += len(batch)
            free = 0 if by_key else len(wanted) if whole else max(0, MAX_BUFFERED_ROWS - len(rows))
            rows += [_serialize(row, plan) for row in wanted[:free]]
            keys += [_sort_key(row) for row in wanted[free:]]
        if by_key:
            return await self._load_page(plan, keys, total, whole=whole)
        return Page(rows, total, self._resume(plan, keys) if keys else None)

    async def _page_by_local_sort(self, plan: Plan, *, whole: bool) -> Page:
        """Sorts the keys of all matching rows, then loads the rows of the page.

        Raises BadRequest if there are too many.
        """
        search, paging = plan.search, plan.search.paging
        candidates = await self._searcher.count_candidates(plan)
        if candidates > MAX_SORTED_ROWS:
            raise BadRequest(
                f"order: at most {MAX_SORTED_ROWS} rows of a query are sorted by score and other "
                f"fields; there are {candidates}: narrow the filter, or leave out score"
            )
        by = [name for name, _ in paging.order]
        batches = self._searcher.select(_keys_only(plan))
        keys = [_sort_key(row, by) async for batch in batches for row in batch]
        keys.sort(key=lambda k: k["pid"])
        order = includes.sort_positions(keys, paging.order, search.entity)
        page = [keys[i] for i in order[paging.skip :][: paging.limit]]
        return await self._load_page(plan, page, len(keys), whole=whole)

    async def _load_page(self, plan: Plan, keys: list[Row], total: int, *, whole: bool) -> Page:
        """Loads the rows of these keys with all their requested relations."""
        first = keys if whole else keys[:MAX_BUFFERED_ROWS]
        rows = [row async for batch in self._resume(plan, first) for row in batch]
        rest = keys[len(first) :]
        return Page(rows, total, self._resume(plan, rest) if rest else None)

    async def _resume(self, plan: Plan, keys: Sequence[Row]) -> AsyncGenerator[list[bytes]]:
        """Yields the rows of these keys; rows that were removed meanwhile are left out."""
        for start in range(0, len(keys), MAX_PIDS_PER_REQUEST):
            some = keys[start : start + MAX_PIDS_PER_REQUEST]
            by_pid = dataset_join.pid_filter([k["pid"] for k in some], ALL_ROWS)
            page_plan = replace(plan, filter=by_pid, words=None, time_budget=TimeBudget(math.inf))
            query = page_plan.engine_query(
                limit=MAX_PIDS_PER_REQUEST, attributesToRetrieve=plan.attributes
            )
            hits = (await self._engine.search(plan.index, query))["hits"]
            found = {row["pid"]: row for row in await self._searcher.evaluate(page_plan, hits)}
            present = [{**found[k["pid"]], "score": k["score"]} for k in some if k["pid"] in found]
            yield [_serialize(row, plan) for row in present]


def _keys_only(plan: Plan) -> Plan:
    """Returns the plan without relations that only add to the answer: cheaper for many rows."""
    conditions = conditional_includes(plan.search.include)
    return replace(plan, search=replace(plan.search, include=conditions))


def _sort_key(row: Row, by: Sequence[str] = ()) -> Row:
    """Returns the part of a row that is needed to sort it and to load it again."""
    return {name: row[name] for name in ("pid", "score", *by) if name in row}


def _page_queries(plan: Plan) -> list[dict[str, Any]]:
    """Returns the engine's queries for a page of an exact plan: first the hits, last the total."""
    paging = plan.search.paging
    attributes = plan.attributes
    size = paging.limit or MAX_HITS
    if paging.limit is None or paging.skip % size == 0:
        page = 1 if paging.limit is None else paging.skip // size + 1
        return [plan.engine_query(hitsPerPage=size, page=page, attributesToRetrieve=attributes)]
    some = plan.engine_query(offset=paging.skip, limit=size, attributesToRetrieve=attributes)
    return [some, plan.engine_query(hitsPerPage=0, page=1)]


def _is_plain(search: Search) -> bool:
    """Whether stored JSON can be sent unchanged, with the score added."""
    return not search.include and not search.paging.has_projection()


def _with_score(hit: Hit) -> bytes:
    stored: str = hit["json"]
    end = f',"score":{score(hit)!r}}}' if "_rankingScore" in hit else _ROW_END
    return (stored[:-1] + end).encode()


def _serialize(row: Row, plan: Plan) -> bytes:
    paging = plan.search.paging
    if paging.has_projection():
        row = includes.project(row, paging, plan.search.entity)
    return orjson.dumps(row)
