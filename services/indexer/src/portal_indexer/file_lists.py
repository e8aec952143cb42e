"""Lists of files: parts are kept until all are there, then they are the list.

A list is only ever replaced by a newer complete one.
"""
# pyright: reportUnknownMemberType=false

from collections.abc import Awaitable
from typing import Any

from portal_shared.contracts.events import DatasetFilesListed
from portal_shared.contracts.records import pid_key
from portal_shared.runtime.mongo import (
    ASCENDING,
    DUPLICATE_KEY,
    BulkWriteError,
    Database,
    Doc,
    UpdateOne,
    translate_errors,
)

from portal_indexer.panosc_records import told_file

NEVER = -1


class Files:
    def __init__(self, database: Database) -> None:
        self._files = database["files"]
        self._parts = database["file_parts"]
        self._lists = database["file_lists"]

    async def prepare(self) -> None:
        """Make the indexes."""
        order = [(n, ASCENDING) for n in ("pid", "path", "name", "_id")]
        with translate_errors():
            await self._files.create_index(order)
            await self._files.create_index([("pid", ASCENDING), ("version", ASCENDING)])
            await self._parts.create_index([("pid", ASCENDING), ("version", ASCENDING)])

    async def put(self, event: DatasetFilesListed) -> None:
        """Keep a part; with the last one missing the list becomes the dataset's."""
        before = await self._complete_at(event.pid)
        if before >= event.version:
            return
        if event.parts == 1:
            with translate_errors():
                await self._write([self._row(event, f) for f in event.files])
            await self._adopt(event.pid, event.version, event.digest, before)
            return
        ours: Doc = {"pid": event.pid, "version": event.version}
        part = {**ours, "part": event.part, "files": [self._row(event, f) for f in event.files]}
        with translate_errors():
            name = f"{pid_key(event.pid)}-{event.version}-{event.part}"
            await self._parts.replace_one({"_id": name}, part, upsert=True)
            if await self._parts.count_documents(ours) < event.parts:
                return
            async for row in self._parts.find(ours):
                await self._write(row["files"])
        await self._adopt(event.pid, event.version, event.digest, before)

    async def none(self, pid: str, version: int) -> None:
        """The dataset has no files at that version."""
        before = await self._complete_at(pid)
        if before < version:
            await self._adopt(pid, version, "", before)

    async def pending(self) -> int:
        """Lists with parts missing."""
        with translate_errors():
            return len(await self._parts.distinct("pid"))

    async def _complete_at(self, pid: str) -> int:
        with translate_errors():
            row = await self._lists.find_one({"_id": pid})
        return row["version"] if row else NEVER

    async def _adopt(self, pid: str, version: int, digest: str, before: int) -> None:
        with translate_errors():
            if before != NEVER:
                await self._files.delete_many({"pid": pid, "version": {"$lt": version}})
            row = {"digest": digest, "version": version}
            await self._lists.update_one({"_id": pid}, {"$set": row}, upsert=True)
            await self._parts.delete_many({"pid": pid, "version": {"$lte": version}})

    async def _write(self, rows: list[Doc]) -> None:
        """Insert them; those that are there become ours unless they are newer."""
        if not rows or not await self._refused(self._files.insert_many(rows, ordered=False)):
            return
        updates: list[Any] = [
            UpdateOne(
                {"_id": row["_id"], "version": {"$lt": row["version"]}},
                {"$set": {k: v for k, v in row.items() if k != "_id"}},
            )
            for row in rows
        ]
        await self._files.bulk_write(updates, ordered=False)

    @staticmethod
    async def _refused(writing: Awaitable[Any]) -> bool:
        """Whether some were there already."""
        try:
            await writing
        except BulkWriteError as error:
            faults: list[Doc] = (error.details or {}).get("writeErrors", [])
            if any(f["code"] != DUPLICATE_KEY for f in faults):
                raise
            return True
        return False

    @staticmethod
    def _row(event: DatasetFilesListed, file: Any) -> Doc:
        told = told_file(event.pid, file)
        return {
            "_id": told["id"],
            "pid": event.pid,
            "version": event.version,
            "location": file.location,
            "name": file.name,
            "path": file.path or "",
            "size": file.size,
            "sha256": file.sha256,
        }
