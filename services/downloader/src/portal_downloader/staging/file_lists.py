"""Makes complete lists of files their datasets': one row per file, older ones gone.

Rows whose content is the same keep their state; changed ones begin again. Can be cut off anywhere
and done again: rows carry the version of their list, and only a newer list changes them.
"""
# pyright: reportUnknownMemberType=false

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from portal_shared.contracts.events import DatasetFilesListed
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import BulkWriteError, Doc, InsertOne, UpdateOne, translate_errors

from portal_downloader.domain import file_rows
from portal_downloader.domain.states import THERE
from portal_downloader.store.datasets import Listing
from portal_downloader.store.files import FileRow, file_id
from portal_downloader.store.stores import Stores

log = logger(__name__)


class Adopting:
    def __init__(self, stores: Stores) -> None:
        self._datasets = stores.datasets
        self._files = stores.files
        self._requests = stores.requests
        self._batches = stores.batches
        self._cache = stores.cache

    async def step(self) -> bool:
        """Claim a list that came in parts and adopt it; False when there is none."""
        found = await self._datasets.claim_list()
        if found is None:
            return False
        await self.adopt([found])
        return True

    async def hear(self, events: Sequence[DatasetFilesListed]) -> None:
        """Adopt lists that came whole."""
        newest = {e.pid: e for e in sorted(events, key=lambda e: e.version)}
        await self.adopt(
            [
                Listing(
                    id="",
                    pid=event.pid,
                    version=event.version,
                    folder=event.folder,
                    files=[f.model_dump() for f in event.files],
                )
                for event in newest.values()
            ]
        )

    async def adopt(self, found: Sequence[Listing]) -> None:
        """These of different datasets, where they are newer than what is known.

        What is as new was adopted before, and perhaps not to the end: the rest is done again.
        """
        known = await self._datasets.list_versions([f.pid for f in found])
        newer = [f for f in found if known.get(f.pid, -1) < f.version]
        again = [f for f in found if known.get(f.pid) == f.version]
        await self._write([(f, f.files) for f in newer if f.files is not None])
        for one in newer:
            if one.files is None:
                borders: list[str] = []
                async for part in self._datasets.parts(one):
                    await self._write([(one, part)])
                    borders.append(max(map(file_rows.location_of, part), default=""))
                await self._datasets.keep_borders(one.pid, borders)
        made = await self._datasets.listed(newer)
        if made < len(newer):  # others were quicker, with lists that are newer still
            now = await self._datasets.list_versions([f.pid for f in newer])
            newer = [replace(f, version=max(f.version, now.get(f.pid, 0))) for f in newer]
        await self._drop_older([f for f in newer + again if f.pid in known or f.version > 1])
        others = [f.pid for f in newer + again if f.pid in known]
        if others:  # of a first list, no request has been planned
            await self._requests.plan_again({"pid": {"$in": others}})
        log.info("files listed", datasets=[(f.pid, f.version) for f in newer])
        kept = [f for f in found if f.id or f.version > 1]
        if kept:
            await self._datasets.drop_lists(kept)

    async def _write(self, lists: Sequence[tuple[Listing, list[Doc]]]) -> None:
        """The rows of these files, as they follow from what is there."""
        by_id = {
            file_id(found.pid, file_rows.location_of(file)): (found, file)
            for found, files in lists
            for file in files
        }
        if not by_id:
            return
        with translate_errors():
            cursor = self._files.rows.find({"_id": {"$in": list(by_id)}})
            there = {row["_id"]: row async for row in cursor}
        told = {id_: file_rows.content(file, of.folder) for id_, (of, file) in by_id.items()}
        changed = [id_ for id_ in told if not file_rows.is_same(there.get(id_), told[id_])]
        cached = await asyncio.to_thread(self._cached, [told[id_] for id_ in changed])
        now = datetime.now(UTC)
        writes: list[Any] = []
        for id_, (found, file) in by_id.items():
            row, version = there.get(id_), {"version": found.version}
            fields: Doc = {}
            if id_ in changed:
                in_cache = told[id_]["sha256"] in cached
                fields = file_rows.fresh(told[id_], in_cache=in_cache, now=now)
            if row is None:
                location = file_rows.location_of(file)
                named = {"_id": id_, "pid": found.pid, "location": location}
                writes.append(InsertOne({**named, **version, **fields}))
            elif row["version"] < found.version:
                if fields:
                    await self._batches.let_go(FileRow.of(row))
                older: Doc = {"_id": id_, "version": {"$lt": found.version}}
                writes.append(UpdateOne(older, {"$set": {**fields, **version}}))
        if writes:
            with translate_errors():
                try:
                    await self._files.rows.bulk_write(writes, ordered=False)
                except BulkWriteError as error:  # another writes rows of the same files
                    raise Unavailable(f"MongoDB: {error}") from error

    def _cached(self, told: list[dict[str, Any]]) -> set[str]:
        return {
            t["sha256"]
            for t in told
            if file_rows.is_verifiable(t) and self._cache.holds(t["sha256"], t["size"])
        }

    async def _drop_older(self, found: Sequence[Listing]) -> None:
        """Files that are no more, and their pins and recalls."""
        if not found:
            return
        older: Doc = {"$or": [{"pid": f.pid, "version": {"$lt": f.version}} for f in found]}
        with translate_errors():
            there = {**older, "state": {"$in": list(THERE)}}
            gone = [row async for row in self._files.rows.find(there)]
        for row in gone:
            await self._batches.let_go(FileRow.of(row))
        with translate_errors():
            await self._files.rows.delete_many(older)
