"""Lists: of the rows that a search selects, those of its page, and how many there are.

Where the filter is exact, or exact but for a few doubtful rows, and the engine can sort, it pages
and counts. Else all candidates are judged, and order and page are made here: of the places of the
rows, as the rows themselves may be more than fit into memory.
"""

import math
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from portal_shared.contracts.records import pid_key

from portal_gateway.engine import compiler
from portal_gateway.engine.client import Engine, Hit
from portal_gateway.engine.compiler import Filter
from portal_gateway.filters import includes
from portal_gateway.filters.ast import Row, Search, Shape, deciding
from portal_gateway.search import dataset_join
from portal_gateway.search.planner import PLAIN_SCORE, Plan, Searching, score
from portal_gateway.search.time_budget import Patience

ALL_HITS = 10_000_000
STREAMED = 5000  # rows: a longer list is sent while it is read
BATCH = 1000
IN_ORDER = ("order:asc",)
TOGETHER = 200  # rows named in one request
FEW = 20  # doubtful documents, where their datasets could be asked instead
DOUBTFUL = 200  # judged one by one, so that the engine can page the rest
_PLAINLY_SCORED = f',"score":{PLAIN_SCORE!r}}}'  # the end of a row without a query


@dataclass(frozen=True)
class Page:
    items: list[bytes]  # ready to send
    total: int
    more: AsyncGenerator[list[bytes]] | None = None  # the rest of a long list, while it is read


class Listing:
    def __init__(self, searching: Searching, engine: Engine) -> None:
        self._searching = searching
        self._engine = engine

    async def page(self, search: Search, *, whole: bool = True) -> Page:
        """The rows of a list, and how many there are without paging.

        Unless it is to be `whole`, of a long list the first rows alone may be there.
        """
        plan = await self._searching.plan(search)
        if plan is None:
            return Page([], 0)
        if plan.sort is not None and plan.filter.exact:
            long = search.shape.limit is None or search.shape.limit > STREAMED
            return await (self._begun(plan) if long and not whole else self._paged(plan))
        if plan.sort is not None and plan.filter.sure:
            page = await self._settled(plan, plan.filter.sure)
            if page is not None:
                return page
        if plan.sort is not None and dataset_join.liftable(search):
            page = await self._lifted(plan)
            if page is not None:
                return page
        return await self._judged(plan, whole=whole)

    async def _paged(self, plan: Plan) -> Page:
        return await self._told(plan, await self._engine.searches(plan.index, _questions(plan)))

    async def _begun(self, plan: Plan) -> Page:
        """The first rows, and the rest batch by batch as it is asked for."""
        skip, limit = plan.search.shape.skip, plan.search.shape.limit
        first = plan.body(offset=skip, limit=STREAMED, attributesToRetrieve=plan.wanted)
        counted = plan.body(hitsPerPage=0, page=1)
        answers = await self._engine.searches(plan.index, [first, counted])
        page = await self._told(plan, answers, skip=0)
        end = page.total if limit is None else min(page.total, skip + limit)
        return replace(page, more=self._rest(plan, end)) if end > skip + STREAMED else page

    async def _rest(self, plan: Plan, end: int) -> AsyncGenerator[list[bytes]]:
        plan = replace(plan, patience=Patience(math.inf))
        for start in range(plan.search.shape.skip + STREAMED, end, BATCH):
            size = min(BATCH, end - start)
            body = plan.body(offset=start, limit=size, attributesToRetrieve=plan.wanted)
            answer = await self._engine.search(plan.index, body)
            yield (await self._told(plan, [{**answer, "totalHits": end}], skip=0)).items

    async def _settled(self, plan: Plan, sure: str) -> Page | None:
        """As if it were exact, after the doubtful rows were judged; None where they are many."""
        doubtful = plan.asking(Filter(plan.filter.doubtful, exact=False))
        most = FEW if dataset_join.liftable(plan.search) else DOUBTFUL
        looked_at = doubtful.body(hitsPerPage=most, page=1, attributesToRetrieve=plan.wanted)
        certain = plan.asking(Filter(sure, exact=True))
        first, *rest = await self._engine.searches(plan.index, [looked_at, *_questions(certain)])
        if first["totalHits"] > most:
            return None
        found = await self._searching.judge(plan, first["hits"])
        if not found:
            return await self._told(certain, rest)
        keys = ", ".join(pid_key(row["pid"]) for row in found)
        exact = Filter(f"({sure} OR id IN [{keys}])", exact=True)
        return await self._paged(plan.asking(exact))

    async def _lifted(self, plan: Plan) -> Page | None:
        """By way of the datasets; None where that does not say which documents."""
        search, shape = plan.search, plan.search.shape
        above = await dataset_join.documents(self._engine, search, plan.names)
        if above is None:
            return None
        others = compiler.compiled(dataset_join.rest(search), plan.names)
        if others.nothing or not above:
            return Page([], 0)
        if others == compiler.ALL and not search.query and plan.sort == IN_ORDER:
            page = above[shape.skip :][: shape.limit]
            items: list[bytes] = []
            for start in range(0, len(page), TOGETHER):
                some = dataset_join.named(dataset_join.pids(page[start : start + TOGETHER]), others)
                body = plan.asking(some).body(limit=TOGETHER, attributesToRetrieve=plan.wanted)
                hits = (await self._engine.search(plan.index, body))["hits"]
                items += [_json(r, plan) for r in await self._searching.judge(plan, hits)]
            return Page(items, len(above))
        if others.exact and len(above) <= dataset_join.MOST_NAMED:
            return await self._paged(
                plan.asking(dataset_join.named(dataset_join.pids(above), others))
            )
        return None

    async def _told(
        self, plan: Plan, answers: Sequence[dict[str, Any]], *, skip: int | None = None
    ) -> Page:
        """Of the answers to _questions(): hits first, the total last."""
        shape = plan.search.shape
        hits: list[Hit] = answers[0]["hits"]
        total: int = answers[-1]["totalHits"]
        if shape.limit is None:
            hits = hits[shape.skip if skip is None else skip :]
        if _plain(plan.search):
            return Page([_scored(hit) for hit in hits], total)
        found = await self._searching.judge(plan, hits)
        return Page([_json(r, plan) for r in found], total)

    async def _judged(self, plan: Plan, *, whole: bool) -> Page:
        """Every candidate is looked at; beyond the first rows of a long list places are kept."""
        if plan.sort is None:
            return await self._sorted_here(plan, whole=whole)
        shape = plan.search.shape
        lean = _lean(plan)
        placed = shape.limit is not None and lean.search != plan.search
        items: list[bytes] = []
        later: list[Row] = []
        total = 0
        async for batch in self._searching.selected(lean if placed else plan):
            wanted = batch[max(0, shape.skip - total) :]
            if shape.limit is not None:
                wanted = wanted[: max(0, shape.limit - len(items) - len(later))]
            total += len(batch)
            room = 0 if placed else len(wanted) if whole else max(0, STREAMED - len(items))
            items += [_json(r, plan) for r in wanted[:room]]
            later += [_place(r) for r in wanted[room:]]
        if placed:
            return await self._placed(plan, later, total, whole=whole)
        return Page(items, total, self._again(plan, later) if later else None)

    async def _sorted_here(self, plan: Plan, *, whole: bool) -> Page:
        """Of all rows the places are kept, and those of the page read again in their order."""
        search, shape = plan.search, plan.search.shape
        by = [name for name, _ in shape.order]
        batches = self._searching.selected(_lean(plan))
        places = [_place(r, by) async for batch in batches for r in batch]
        places.sort(key=lambda p: p["pid"])
        order = includes.in_order(places, shape.order, search.entity)
        page = [places[i] for i in order[shape.skip :][: shape.limit]]
        return await self._placed(plan, page, len(places), whole=whole)

    async def _placed(self, plan: Plan, page: list[Row], total: int, *, whole: bool) -> Page:
        """The rows of these places are read again, with all that is to be told of them."""
        first = page if whole else page[:STREAMED]
        items = [item async for some in self._again(plan, first) for item in some]
        rest = page[len(first) :]
        return Page(items, total, self._again(plan, rest) if rest else None)

    async def _again(self, plan: Plan, places: Sequence[Row]) -> AsyncGenerator[list[bytes]]:
        """The rows of these places; one that has gone meanwhile is left out."""
        for start in range(0, len(places), TOGETHER):
            some = places[start : start + TOGETHER]
            named = dataset_join.named([p["pid"] for p in some], compiler.ALL)
            asked = replace(plan, filter=named, question="", patience=Patience(math.inf))
            body = asked.body(limit=TOGETHER, attributesToRetrieve=plan.wanted)
            hits = (await self._engine.search(plan.index, body))["hits"]
            found = {row["pid"]: row for row in await self._searching.judge(asked, hits)}
            there = [{**found[p["pid"]], "score": p["score"]} for p in some if p["pid"] in found]
            yield [_json(row, plan) for row in there]


def _lean(plan: Plan) -> Plan:
    """Without the relations that are only told, as it takes to judge very many rows."""
    return replace(plan, search=replace(plan.search, include=deciding(plan.search.include)))


def _place(row: Row, by: Sequence[str] = ()) -> Row:
    """As much of a row as it takes to sort it and to find it again."""
    return {name: row[name] for name in ("pid", "score", *by) if name in row}


def _questions(plan: Plan) -> list[dict[str, Any]]:
    """What the engine is asked for a page of an exact plan: hits first, the total last."""
    shape: Shape = plan.search.shape
    wanted = plan.wanted
    size = shape.limit or ALL_HITS
    if shape.limit is None or shape.skip % size == 0:
        page = 1 if shape.limit is None else shape.skip // size + 1
        return [plan.body(hitsPerPage=size, page=page, attributesToRetrieve=wanted)]
    some = plan.body(offset=shape.skip, limit=size, attributesToRetrieve=wanted)
    return [some, plan.body(hitsPerPage=0, page=1)]


def _plain(search: Search) -> bool:
    return not search.include and not search.shape.projects()


def _scored(hit: Hit) -> bytes:
    told: str = hit["json"]
    end = f',"score":{score(hit)!r}}}' if "_rankingScore" in hit else _PLAINLY_SCORED
    return (told[:-1] + end).encode()


def _json(row: Row, plan: Plan) -> bytes:
    shape = plan.search.shape
    told = includes.projected(row, shape, plan.search.entity) if shape.projects() else row
    return orjson.dumps(told)
