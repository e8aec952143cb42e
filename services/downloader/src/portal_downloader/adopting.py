"""Makes a complete list of files the dataset's: one row per file, older ones gone.

Rows whose content is the same keep their state; changed ones begin again. Can be cut off anywhere
and done again: rows carry the version of their list, and only a newer list changes them.
"""
# pyright: reportUnknownMemberType=false

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from portal_shared.mongo import Doc, InsertOne, UpdateOne, translated
from portal_shared.observe import logger

from portal_downloader import listing
from portal_downloader.batches import Batches
from portal_downloader.cache import Cache
from portal_downloader.datasets import Datasets, Listing
from portal_downloader.requests import Requests
from portal_downloader.rows import FileRow, Files, file_id

log = logger(__name__)


class Adopting:
    def __init__(
        self,
        *,
        datasets: Datasets,
        files: Files,
        requests: Requests,
        batches: Batches,
        cache: Cache,
        ring: Callable[[], None],
    ) -> None:
        self._datasets = datasets
        self._files = files
        self._requests = requests
        self._batches = batches
        self._cache = cache
        self._ring = ring

    async def step(self) -> bool:
        """Claim a complete list and adopt it; False when there is none."""
        found = await self._datasets.claim_list()
        if found is None:
            return False
        known = (await self._datasets.find(found.pid) or {}).get("list_version", -1)
        if known < found.version:
            async for part in self._datasets.parts(found):
                await self._write(found, part)
            if known >= 0 or found.version > 1:
                await self._drop_older(found)
            await self._datasets.listed(found)
            if known >= 0:  # of a first list, no request has been planned
                await self._requests.plan_again({"pid": found.pid})
            log.info("files listed", pid=found.pid, version=found.version)
        await self._datasets.drop_lists(found)
        self._ring()
        return True

    async def _write(self, found: Listing, part: list[Doc]) -> None:
        """The rows of one part, as they follow from what is there."""
        by_id = {file_id(found.pid, listing.location_of(f)): f for f in part}
        with translated():
            cursor = self._files.rows.find({"_id": {"$in": list(by_id)}})
            there = {row["_id"]: row async for row in cursor}
        told = {id_: listing.content(file, found.folder) for id_, file in by_id.items()}
        changed = [id_ for id_ in told if not listing.is_same(there.get(id_), told[id_])]
        cached = await asyncio.to_thread(self._cached, [told[id_] for id_ in changed])
        now = datetime.now(UTC)
        version = {"version": found.version}
        older: Doc = {"version": {"$lt": found.version}}
        writes: list[Any] = []
        for id_, file in by_id.items():
            row = there.get(id_)
            fields: Doc = {}
            if id_ in changed:
                in_cache = told[id_]["sha256"] in cached
                fields = listing.fresh(told[id_], in_cache=in_cache, now=now)
            if row is None:
                location = listing.location_of(file)
                named = {"_id": id_, "pid": found.pid, "location": location}
                writes.append(InsertOne({**named, **version, **fields}))
            elif row["version"] < found.version:
                if fields:
                    await self._batches.let_go(FileRow.of(row))
                writes.append(UpdateOne({"_id": id_, **older}, {"$set": {**fields, **version}}))
        if writes:
            with translated():
                await self._files.rows.bulk_write(writes, ordered=False)

    def _cached(self, told: list[dict[str, Any]]) -> set[str]:
        return {
            t["sha256"]
            for t in told
            if listing.is_verifiable(t) and self._cache.holds(t["sha256"], t["size"])
        }

    async def _drop_older(self, found: Listing) -> None:
        """Files that are no more, and their pins."""
        older: Doc = {"pid": found.pid, "version": {"$lt": found.version}}
        with translated():
            gone = [row async for row in self._files.rows.find({**older, "state": "staged"})]
        for row in gone:
            await self._batches.let_go(FileRow.of(row))
        with translated():
            await self._files.rows.delete_many(older)
