"""Imports complete file lists: one row per file; rows of older versions are deleted.

Rows with the same content keep their state, changed ones start again. The import may be interrupted
anywhere and repeated: rows carry the version of their list, and only a newer list changes them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from portal_shared import profile as profiles
from portal_shared.contracts.events import DatasetFilesListed
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import (
    BulkWriteError,
    Doc,
    InsertOne,
    UpdateOne,
    Write,
    translate_errors,
    write_unordered,
)

from portal_downloader.cache.disk import Cache
from portal_downloader.domain import file_rows
from portal_downloader.domain.online_rule import NO_ONLINE_FILES, LevelSums, OnlineFiles
from portal_downloader.domain.states import IN_FLIGHT
from portal_downloader.store.datasets import FileList
from portal_downloader.store.rows.file import FileRow, file_id
from portal_downloader.store.signals import Signal
from portal_downloader.store.stores import Stores

log = logger(__name__)


class FileListImporter:
    """Turns file lists into rows of files."""

    def __init__(self, stores: Stores, cache: Cache, copier: Signal) -> None:
        """`copier` wakes the worker that copies files that stay online."""
        self._copier = copier
        self._datasets = stores.datasets
        self._files = stores.files
        self._requests = stores.requests
        self._batches = stores.batches
        self._damages = stores.damages
        self._cache = cache

    async def step(self) -> bool:
        """Claims a list that arrived in parts and imports it; returns False when there is none."""
        file_list = await self._datasets.claim_list()
        if file_list is None:
            return False
        await self.import_lists([file_list])
        return True

    async def import_events(self, events: Sequence[DatasetFilesListed]) -> None:
        """Imports lists that arrived in one part."""
        newest = {e.pid: e for e in sorted(events, key=lambda e: e.version)}
        await self.import_lists(
            [
                FileList(
                    id="",
                    pid=event.pid,
                    version=event.version,
                    folder=event.folder,
                    files=[f.model_dump() for f in event.files],
                    profile=event.profile,
                )
                for event in newest.values()
            ]
        )

    async def import_lists(self, lists: Sequence[FileList]) -> None:
        """Imports lists of different datasets, each if it is newer than the current one.

        A list of the current version may have been imported only in part: the remaining steps are
        repeated.
        """
        known = await self._datasets.list_versions([f.pid for f in lists])
        newer = [f for f in lists if known.get(f.pid, -1) < f.version]
        again = [f for f in lists if known.get(f.pid) == f.version]
        single = [f for f in newer if f.files is not None]
        rules = {f.pid: await self._online_files(f) for f in newer}
        await self._write_rows([(f, f.files or []) for f in single], rules)
        for file_list in newer:
            if file_list.files is None:
                boundaries: list[str] = []
                async for part in self._datasets.parts(file_list):
                    await self._write_rows([(file_list, part)], rules)
                    boundaries.append(max(map(file_rows.location_of, part), default=""))
                await self._datasets.save_boundaries(file_list.pid, boundaries)
        imported = await self._datasets.mark_listed(newer)
        self._copier.set()
        if imported < len(newer):  # another replica imported a list that is newer still
            now = await self._datasets.list_versions([f.pid for f in newer])
            newer = [replace(f, version=max(f.version, now.get(f.pid, 0))) for f in newer]
        await self._delete_older([f for f in newer + again if f.pid in known or f.version > 1])
        replanned = [f.pid for f in newer + again if f.pid in known]
        if replanned:  # requests of a first list are not planned yet
            await self._requests.replan({"pid": {"$in": replanned}})
        in_parts = [(f.pid, f.version) for f in newer if f.id]
        if in_parts:  # those that came in one part: see handlers.py
            log.info("file lists imported", datasets=in_parts)
        stored = [f for f in lists if f.id or f.version > 1]
        if stored:
            await self._datasets.delete_lists(stored)

    async def _online_files(self, file_list: FileList) -> OnlineFiles:
        """Returns which files of a list stay online by the profile of its dataset."""
        if file_list.profile not in profiles.names():  # of another version of the portal
            return NO_ONLINE_FILES
        sums = LevelSums()
        async for part in self._datasets.parts(file_list):
            sums.add(part)
        return sums.online_files(profiles.load(file_list.profile).online)

    async def _write_rows(
        self, lists: Sequence[tuple[FileList, list[Doc]]], online: Mapping[str, OnlineFiles]
    ) -> None:
        """Inserts and updates the rows of these files, compared with the existing ones."""
        by_id = {
            file_id(file_list.pid, file_rows.location_of(file)): (file_list, file)
            for file_list, files in lists
            for file in files
        }
        if not by_id:
            return
        with translate_errors():
            cursor = self._files.rows.find({"_id": {"$in": list(by_id)}})
            existing = {row["_id"]: row async for row in cursor}
        contents = {
            id_: file_rows.content_fields(file, file_list.folder)
            for id_, (file_list, file) in by_id.items()
        }
        changed = [
            id_
            for id_ in contents
            if not file_rows.has_same_content(existing.get(id_), contents[id_])
        ]
        cached = await asyncio.to_thread(self._cached, [contents[id_] for id_ in changed])
        now = datetime.now(UTC)
        writes: list[Write] = []
        for id_, (file_list, file) in by_id.items():
            row, version = existing.get(id_), {"version": file_list.version}
            version |= file_rows.role_fields(file, row, contents[id_], online[file_list.pid], now)
            fields: Doc = {}
            if id_ in changed:
                in_cache = contents[id_]["sha256"] in cached
                fields = file_rows.new_row_fields(contents[id_], in_cache=in_cache, now=now)
            if row is None:
                location = file_rows.location_of(file)
                identity = {"_id": id_, "pid": file_list.pid, "location": location}
                writes.append(InsertOne({**identity, **version, **fields}))
            elif row["version"] < file_list.version:
                if fields:
                    await self._batches.unpin(FileRow.from_row(row))
                older_version: Doc = {"_id": id_, "version": {"$lt": file_list.version}}
                writes.append(UpdateOne(older_version, {"$set": {**fields, **version}}))
        if writes:
            replaced = [id_ for id_ in changed if id_ in existing]
            if replaced:
                await self._damages.remove(replaced)
            with translate_errors():
                try:
                    await write_unordered(self._files.rows, writes)
                except BulkWriteError as error:  # another replica writes rows of the same files
                    raise Unavailable(f"MongoDB: {error}") from error

    def _cached(self, contents: list[dict[str, Any]]) -> set[str]:
        """Returns the checksums of those of these contents that are in the cache."""
        return {
            content["sha256"]
            for content in contents
            if file_rows.is_verifiable(content)
            and self._cache.contains(content["sha256"], content["size"])
        }

    async def _delete_older(self, lists: Sequence[FileList]) -> None:
        """Deletes files that are not in the lists any more, and releases their pins and recalls."""
        if not lists:
            return
        older: Doc = {"$or": [{"pid": f.pid, "version": {"$lt": f.version}} for f in lists]}
        with translate_errors():
            in_flight = {**older, "state": {"$in": list(IN_FLIGHT)}}
            rows = [row async for row in self._files.rows.find(in_flight)]
        for row in rows:
            await self._batches.unpin(FileRow.from_row(row))
        with translate_errors():
            await self._files.rows.delete_many(older)
        await self._remove_damages({f.pid for f in lists})

    async def _remove_damages(self, pids: set[str]) -> None:
        """Removes reports of damaged files that are not listed any more."""
        reported = await self._damages.of_datasets(pids)
        if reported:
            with translate_errors():
                rows = self._files.rows.find({"_id": {"$in": list(reported)}}, {"_id": 1})
                listed = {row["_id"] async for row in rows}
            await self._damages.remove(reported - listed)
