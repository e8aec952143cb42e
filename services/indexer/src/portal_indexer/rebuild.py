"""Rebuilds the indexes beside the live ones and swaps: readers are served throughout.

What changes meanwhile is put into the new indexes before the swap, and once more after it.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from portal_shared.contracts.records import ATLAS_PATTERN
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import Database, Doc, translate_errors
from portal_shared.search import index_fields

from portal_indexer import index_settings
from portal_indexer.catalogue import Catalogue
from portal_indexer.index_worker import Indexing
from portal_indexer.meilisearch import Engine

log = logger(__name__)

NEW = "_new"
SLACK = timedelta(seconds=30)  # between the clocks of several indexers
LEASE = timedelta(minutes=10)  # a rebuild that has not been heard of for so long is taken over


class Reindexing:
    def __init__(
        self, database: Database, catalogue: Catalogue, engine: Engine, indexing: Indexing
    ) -> None:
        self._state = database["reindex"]
        self._catalogue = catalogue
        self._engine = engine
        self._indexing = indexing

    async def ask(self) -> dict[str, Any]:
        """Have it done; one that is under way already is the answer to this wish too."""
        state = await self.state()
        if state["state"] not in ("asked", "running"):
            now = datetime.now(UTC)
            await self._set({"state": "asked", "asked_at": now, "heard_at": None, "reason": None})
        return await self.state()

    async def state(self) -> dict[str, Any]:
        with translate_errors():
            row = await self._state.find_one({"_id": "reindex"})
        told: dict[str, Any] = {"state": "never", **(row or {})}
        return {
            k: v.isoformat() if isinstance(v, datetime) else v
            for k, v in told.items()
            if k not in ("_id", "heard_at")
        }

    async def _set(self, change: Doc) -> None:
        with translate_errors():
            await self._state.update_one({"_id": "reindex"}, {"$set": change}, upsert=True)

    async def step(self) -> bool:
        """Do what was asked for, if anything was."""
        now = datetime.now(UTC)
        free: Doc = {
            "_id": "reindex",
            "$or": [
                {"state": "asked"},
                {"state": "running", "heard_at": {"$lt": now - LEASE}},
            ],
        }
        begun = {"state": "running", "started_at": now, "heard_at": now, "records": 0}
        with translate_errors():
            if not (await self._state.update_one(free, {"$set": begun})).matched_count:
                return False
        try:
            counts = await self._rebuild(now - SLACK)
        except Exception as error:
            await self._set({"state": "failed", "reason": str(error)[:1000]})
            raise
        finished = datetime.now(UTC)
        await self._set({"state": "done", "finished_at": finished, "indexes": counts})
        log.info("reindexed", **counts)
        return True

    async def _rebuild(self, since: datetime) -> dict[str, int]:
        for name in index_fields.INDEXES:
            await self._engine.drop(name + NEW)
            await self._engine.ensure(name + NEW, index_settings.settings(name))
        for name in index_fields.INDEXES:
            await self._copy(name, None)
        for name in index_fields.INDEXES:
            await self._copy(name, since)
        counts = {name: await self._engine.count(name + NEW) for name in index_fields.INDEXES}
        for name, count in counts.items():
            await self._compare(name, count)
        await self._engine.swap([(name, name + NEW) for name in index_fields.INDEXES])
        await self._catalogue.mark_all(since)
        for name in index_fields.INDEXES:
            await self._engine.drop(name + NEW)
        return counts

    async def _compare(self, name: str, count: int) -> None:
        """Refuse to serve an index that lacks records."""
        which: Doc = {"record": {"$exists": True}, "public": True, "unfit": None}
        atlas = re.compile(ATLAS_PATTERN, re.IGNORECASE)  # has a page, and is in no index
        which["record.type"] = {"$not": atlas}
        with translate_errors():
            wanted = await self._catalogue.database[name].count_documents(which)
            wanted -= await self._catalogue.database["dirty"].count_documents({"kind": name})
        if count < wanted:
            raise Unavailable(f"the new index of {name} has {count} of {wanted} records")

    async def _copy(self, name: str, since: datetime | None) -> None:
        batch: list[Doc] = []
        async for row in self._catalogue.every(name, since):
            batch.append(row)
            if len(batch) >= self._indexing.most(name):
                await self._send(name, batch)
                batch = []
        await self._send(name, batch)

    async def _send(self, name: str, batch: list[Doc]) -> None:
        if batch:
            await self._indexing.index(name, name + NEW, batch)
            with translate_errors():
                await self._state.update_one(
                    {"_id": "reindex"},
                    {"$inc": {"records": len(batch)}, "$set": {"heard_at": datetime.now(UTC)}},
                )
