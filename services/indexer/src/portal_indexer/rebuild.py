"""Rebuilds the search indexes beside the live ones and swaps them, while searches go on.

Records that change during the rebuild are copied again before the swap, and marked after it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from portal_shared.contracts.records import is_atlas
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import Database, Doc, translate_errors
from portal_shared.runtime.worker import TaskWindow
from portal_shared.search import index_fields

from portal_indexer import index_settings
from portal_indexer.catalogue import Catalogue
from portal_indexer.index_worker import BATCHES_AT_ONCE, IndexWorker
from portal_indexer.meilisearch import Meilisearch

log = logger(__name__)

NEW_SUFFIX = "_new"
CLOCK_SKEW = timedelta(seconds=30)  # between the hosts of several indexers
LEASE = timedelta(minutes=10)  # a rebuild without progress for so long is started again
MAX_REASON = 1000  # characters of an error that are stored


class Rebuild:
    """The rebuild of all indexes; its state is one row in MongoDB, shared by all replicas."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        meilisearch: Meilisearch,
        index_worker: IndexWorker,
    ) -> None:
        self._state = database["reindex"]
        self._catalogue = catalogue
        self._meilisearch = meilisearch
        self._index_worker = index_worker

    async def request(self) -> dict[str, Any]:
        """Requests a rebuild unless one is requested or running; returns the state."""
        state = await self.state()
        if state["state"] not in ("asked", "running"):
            now = datetime.now(UTC)
            await self._set({"state": "asked", "asked_at": now, "heard_at": None, "reason": None})
        return await self.state()

    async def state(self) -> dict[str, Any]:
        """Returns the state row as JSON values; `state` is never, asked, running, done, failed."""
        with translate_errors():
            row = await self._state.find_one({"_id": "reindex"})
        fields: dict[str, Any] = {"state": "never", **(row or {})}
        return {
            k: v.isoformat() if isinstance(v, datetime) else v
            for k, v in fields.items()
            if k not in ("_id", "heard_at")
        }

    async def _set(self, change: Doc) -> None:
        with translate_errors():
            await self._state.update_one({"_id": "reindex"}, {"$set": change}, upsert=True)

    async def step(self) -> bool:
        """Runs the requested rebuild, if there is one; returns whether it did."""
        now = datetime.now(UTC)
        available: Doc = {
            "_id": "reindex",
            "$or": [
                {"state": "asked"},
                {"state": "running", "heard_at": {"$lt": now - LEASE}},
            ],
        }
        started = {"state": "running", "started_at": now, "heard_at": now, "records": 0}
        with translate_errors():
            if not (await self._state.update_one(available, {"$set": started})).matched_count:
                return False
        try:
            counts = await self._rebuild(now - CLOCK_SKEW)
        except Exception as error:
            await self._set({"state": "failed", "reason": str(error)[:MAX_REASON]})
            raise
        finished = datetime.now(UTC)
        await self._set({"state": "done", "finished_at": finished, "indexes": counts})
        log.info("indexes rebuilt", **counts)
        return True

    async def _rebuild(self, since: datetime) -> dict[str, int]:
        for name in index_fields.INDEXES:
            await self._meilisearch.drop(name + NEW_SUFFIX)
            await self._meilisearch.ensure(name + NEW_SUFFIX, index_settings.settings(name))
        for name in index_fields.INDEXES:
            await self._copy(name, None)
        for name in index_fields.INDEXES:
            await self._copy(name, since)
        counts = {
            name: await self._meilisearch.count(name + NEW_SUFFIX) for name in index_fields.INDEXES
        }
        for name, count in counts.items():
            await self._check_complete(name, count)
        await self._meilisearch.swap([(name, name + NEW_SUFFIX) for name in index_fields.INDEXES])
        await self._catalogue.mark_all(since)
        for name in index_fields.INDEXES:
            await self._meilisearch.drop(name + NEW_SUFFIX)
        return counts

    async def _check_complete(self, name: str, count: int) -> None:
        """Raises Unavailable if the new index lacks records, so that it is not swapped in."""
        which: Doc = {"record": {"$exists": True}, "public": True, "unfit": None}
        with translate_errors():
            records = self._catalogue.database[name]
            if name == index_fields.DATASETS:
                which["record.superseded_by"] = None
            if name == index_fields.DOCUMENTS:
                types: list[str] = await records.distinct("record.type")
                which["record.type"] = {"$nin": [t for t in types if is_atlas(t)]}
            expected = await records.count_documents(which)
            expected -= await self._catalogue.database["dirty"].count_documents({"kind": name})
        if count < expected:
            raise Unavailable(f"the new index of {name} has {count} of {expected} records")

    async def _copy(self, name: str, since: datetime | None) -> None:
        batch: list[Doc] = []
        async with TaskWindow(BATCHES_AT_ONCE) as window:
            async for row in self._catalogue.iterate(name, since):
                batch.append(row)
                if len(batch) >= self._index_worker.batch_size(name):
                    await window.start(self._send(name, batch))
                    batch = []
            await window.start(self._send(name, batch))

    async def _send(self, name: str, batch: list[Doc]) -> None:
        if batch:
            await self._index_worker.index(name, name + NEW_SUFFIX, batch)
            with translate_errors():
                await self._state.update_one(
                    {"_id": "reindex"},
                    {"$inc": {"records": len(batch)}, "$set": {"heard_at": datetime.now(UTC)}},
                )
