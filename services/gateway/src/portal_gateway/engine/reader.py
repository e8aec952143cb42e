"""Reads all rows of a search in batches, each of which begins after the last row before it."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from portal_gateway.engine.client import Engine, Hit
from portal_gateway.engine.positions import both, position_of, rows_after, sort_fields

MAX_HITS = 10_000_000
BATCH_BY_ID = 200
Query = dict[str, Any]


class RowReader:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def read(
        self,
        index: str,
        query: Query,
        sort: Sequence[str] | None,
        *,
        size: int,
        skip: int = 0,
        limit: int | None = None,
    ) -> AsyncGenerator[list[Hit]]:
        """Yields the hits of a query in the order of the sort rules, or of relevance (None).

        `query` has neither sort nor page; only hits of relevance can be skipped. Without hits it
        yields one empty batch.
        """
        if sort is None:
            batches = self._by_relevance(index, query, skip, limit)
        else:
            batches = self._in_order(index, query, sort, size, limit)
        async for hits in batches:
            yield hits

    async def _in_order(
        self, index: str, query: Query, sort: Sequence[str], size: int, limit: int | None
    ) -> AsyncGenerator[list[Hit]]:
        attributes = [*query["attributesToRetrieve"], *sort_fields(sort)]
        body = {**query, "sort": list(sort), "attributesToRetrieve": attributes}
        remaining = MAX_HITS if limit is None else limit
        wanted = min(size, remaining)
        hits = await self._search(index, {**body, "limit": wanted})
        while len(hits) == wanted < remaining:
            after = rows_after(sort, position_of(sort, hits[-1]))
            remaining -= wanted
            wanted = min(size, remaining)
            following = {**body, "filter": both(query.get("filter"), after), "limit": wanted}
            task = asyncio.create_task(self._search(index, following))
            try:  # the engine works while the hits are used
                yield hits
                hits = await task
            finally:
                task.cancel()
        yield hits

    async def _search(self, index: str, body: Query) -> list[Hit]:
        return (await self._engine.search(index, body))["hits"]

    async def _by_relevance(
        self, index: str, query: Query, skip: int, limit: int | None
    ) -> AsyncGenerator[list[Hit]]:
        """Reads the keys of all rows at once, then the rows by their keys."""
        keys = {**query, "attributesToRetrieve": ["id"], "offset": skip}
        keys["limit"] = MAX_HITS if limit is None else limit
        listed: list[Hit] = await self._search(index, keys)
        if not listed:
            yield []
        attributes = [*query["attributesToRetrieve"], "id"]
        for start in range(0, len(listed), BATCH_BY_ID):
            some = listed[start : start + BATCH_BY_ID]
            which = f"id IN [{', '.join(hit['id'] for hit in some)}]"
            body = {"filter": which, "limit": BATCH_BY_ID, "attributesToRetrieve": attributes}
            hits: list[Hit] = await self._search(index, body)
            found = {hit["id"]: hit for hit in hits}
            yield [{**hit, **found[hit["id"]]} for hit in some if hit["id"] in found]
