"""Finds the page at a position of a long list without skipping the rows before it.

Rows near the position are found by counting: some rows of the list are sampled, the engine counts
the rows after each, and the search goes on between the two that are nearest. Ranks of earlier
pages are remembered, but always counted again, so pages are exact while the index changes.
"""

from bisect import bisect_right, insort
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from portal_shared.search import index_fields

from portal_gateway.engine.client import Engine, Hit
from portal_gateway.engine.positions import (
    Position,
    both,
    in_order,
    position_of,
    rows_after,
    sort_fields,
)

MAX_SKIPPED = 200  # rows that the engine skips
SAMPLES, COUNTED = 32, 8
MAX_LISTS, MAX_RANKS = 256, 512  # that are remembered: lists, and ranks of each
Query = dict[str, Any]


@dataclass(frozen=True)
class RowList:
    """A list of rows: a query of an index, with neither sort nor page, and its sort rules."""

    index: str
    query: Query
    sort: Sequence[str]

    @property
    def key(self) -> str:
        names = ("filter", "q", "matchingStrategy", "attributesToSearchOn")
        return "\n".join([self.index, *(str(self.query.get(n)) for n in names), *self.sort])

    def after(self, position: Position) -> str:
        return rows_after(self.sort, position)

    def position(self, hit: Hit) -> Position:
        return position_of(self.sort, hit)

    def page_query(self, skip: int, limit: int, condition: str | None = None) -> Query:
        attributes = [*self.query["attributesToRetrieve"], *sort_fields(self.sort)]
        paged = {"attributesToRetrieve": attributes, "offset": skip, "limit": limit}
        where = both(self.query.get("filter"), condition)
        narrowed = {"filter": where} if where else {}
        return {**self.query, "sort": list(self.sort), **paged, **narrowed}

    def count_query(self, condition: str | None) -> Query:
        names = ("q", "matchingStrategy", "attributesToSearchOn")
        words = {name: self.query[name] for name in names if name in self.query}
        where = both(self.query.get("filter"), condition)
        return {**words, **({"filter": where} if where else {}), "hitsPerPage": 0, "page": 1}


@dataclass
class Ranks:
    """Some positions of a list with their ranks: the number of rows up to and with them."""

    known: list[tuple[int, Position]] = field(default_factory=list[tuple[int, Position]])

    def nearest(self, rank: int) -> tuple[int, Position] | None:
        """Returns the last known position at or before the rank."""
        at = bisect_right(self.known, rank, key=lambda one: one[0])
        return self.known[at - 1] if at else None

    def add(self, rank: int, position: Position) -> None:
        self.known = [one for one in self.known if one[0] != rank and one[1] != position]
        insort(self.known, (rank, position), key=lambda one: one[0])
        if len(self.known) > MAX_RANKS:
            self.known = self.known[::2]


class PageLocator:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lists: OrderedDict[str, Ranks] = OrderedDict()

    async def load(self, rows: RowList, skip: int, limit: int) -> tuple[list[Hit], int]:
        """Returns the hits from `skip` on, at most `limit`, and the number of all hits."""
        ranks = self._ranks(rows)
        near = ranks.nearest(skip)
        if near is not None and skip - near[0] <= MAX_SKIPPED:
            hits, total, rank = await self._page(rows, near, skip, limit)
            if rank == near[0]:
                return _remembered(ranks, rows, skip, hits), total
        total = (await self._count(rows, [None]))[0]
        if skip >= total:
            return [], total
        found = await self._locate(rows, skip, total)
        if found is None:
            body = rows.page_query(skip, limit)
            hits = (await self._engine.search(rows.index, body))["hits"]
        else:
            ranks.add(*found)
            hits, total, _ = await self._page(rows, found, skip, limit)
        return _remembered(ranks, rows, skip, hits), total

    def _ranks(self, rows: RowList) -> Ranks:
        ranks = self._lists.setdefault(rows.key, Ranks())
        self._lists.move_to_end(rows.key)
        if len(self._lists) > MAX_LISTS:
            self._lists.popitem(last=False)
        return ranks

    async def _page(
        self, rows: RowList, start: tuple[int, Position], skip: int, limit: int
    ) -> tuple[list[Hit], int, int]:
        """Returns the page after a position, the total, and the rank that the position has now."""
        after = rows.after(start[1])
        page = rows.page_query(skip - start[0], limit, after)
        queries = [page, rows.count_query(None), rows.count_query(after)]
        found, whole, rest = await self._engine.multi_search(rows.index, queries)
        total: int = whole["totalHits"]
        return found["hits"], total, total - rest["totalHits"]

    async def _locate(self, rows: RowList, skip: int, total: int) -> tuple[int, Position] | None:
        """Returns a position at most MAX_SKIPPED rows before `skip`; None: the list's begin."""
        low: tuple[int, Position | None] = (0, None)
        high: tuple[int, Position | None] = (total, None)
        while skip - low[0] > MAX_SKIPPED:
            between = await self._sample(rows, low[1], high[1])
            aim = round(len(between) * (skip - low[0]) / max(1, high[0] - low[0]))
            first = max(0, min(len(between) - COUNTED, aim - COUNTED // 2))
            chosen = between[first : first + COUNTED]
            counts = await self._count(rows, [rows.after(one) for one in chosen])
            before = (low, high)
            for count, one in zip(counts, chosen, strict=True):
                rank = total - count
                if low[0] < rank <= skip:
                    low = (rank, one)
                elif skip < rank < high[0]:
                    high = (rank, one)
            if (low, high) == before:
                break  # the index changes meanwhile: the engine skips the rest
        return None if low[1] is None else (low[0], low[1])

    async def _sample(
        self, rows: RowList, low: Position | None, high: Position | None
    ) -> list[Position]:
        """Returns the positions of some rows between two positions, in order.

        They are the first by their key, which is a digest.
        """
        above = rows.after(low) if low else None
        below = f"NOT ({rows.after(high)})" if high else None
        body = {
            **rows.page_query(0, SAMPLES, both(above, below)),
            "sort": [f"{index_fields.ID}:asc"],
            "attributesToRetrieve": sort_fields(rows.sort),
        }
        hits: list[Hit] = (await self._engine.search(rows.index, body))["hits"]
        return in_order(rows.sort, map(rows.position, hits))

    async def _count(self, rows: RowList, conditions: Sequence[str | None]) -> list[int]:
        queries = [rows.count_query(one) for one in conditions]
        return [one["totalHits"] for one in await self._engine.multi_search(rows.index, queries)]


def _remembered(ranks: Ranks, rows: RowList, skip: int, hits: list[Hit]) -> list[Hit]:
    if hits:
        ranks.add(skip + len(hits), rows.position(hits[-1]))
    return hits
