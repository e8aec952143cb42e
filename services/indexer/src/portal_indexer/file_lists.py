"""File lists of datasets in MongoDB. A list arrives in parts and counts once it is complete.

Only a newer complete list replaces the list of a dataset.
"""

from collections.abc import Awaitable
from typing import Any

from portal_shared.contracts.events import DatasetFilesListed
from portal_shared.contracts.records import File, pid_key
from portal_shared.runtime.mongo import (
    ASCENDING,
    DUPLICATE_KEY,
    BulkWriteError,
    Database,
    Doc,
    DuplicateKeyError,
    UpdateOne,
    translate_errors,
    write_unordered,
)

NO_VERSION = -1


class FileLists:
    def __init__(self, database: Database) -> None:
        self._files = database["files"]
        self._parts = database["file_parts"]
        self._lists = database["file_lists"]

    async def prepare(self) -> None:
        """Creates the database indexes."""
        order = [(n, ASCENDING) for n in ("pid", "path", "name", "_id")]
        with translate_errors():
            await self._files.create_index(order)
            await self._files.create_index([("pid", ASCENDING), ("version", ASCENDING)])
            await self._parts.create_index([("pid", ASCENDING), ("version", ASCENDING)])

    async def store_part(self, event: DatasetFilesListed) -> None:
        """Stores a part; the last missing part completes the list.

        A part may come again, also while another replica completes its list or a newer one.
        """
        before = await self._complete_version(event.pid)
        if before >= event.version:
            if event.parts > 1:
                await self._discard_parts(event.pid, before)
            return
        files = [file_row(event, file) for file in event.files]
        if event.parts == 1:
            with translate_errors():
                await self._write(files)
            await self._complete(event.pid, event.version, event.digest, before)
            return
        which: Doc = {"pid": event.pid, "version": event.version}
        part = {**which, "part": event.part, "files": files}
        with translate_errors():
            name = f"{pid_key(event.pid)}-{event.version}-{event.part}"
            await self._parts.replace_one({"_id": name}, part, upsert=True)
            count = await self._parts.count_documents(which)
        if count < event.parts:
            complete = await self._complete_version(event.pid)
            if complete >= event.version:  # meanwhile: nobody else would remove the part
                await self._discard_parts(event.pid, complete)
            return
        with translate_errors():
            async for row in self._parts.find(which):
                await self._write(row["files"])
        await self._complete(event.pid, event.version, event.digest, before)

    async def store_empty(self, pid: str, version: int) -> None:
        """Stores that the dataset has no files at that version."""
        before = await self._complete_version(pid)
        if before < version:
            await self._complete(pid, version, "", before)

    async def count_incomplete(self) -> int:
        """Returns the number of datasets whose newest list lacks parts."""
        with translate_errors():
            return len(await self._parts.distinct("pid"))

    async def _complete_version(self, pid: str) -> int:
        """Returns the version of the dataset's complete list, or NO_VERSION."""
        with translate_errors():
            row = await self._lists.find_one({"_id": pid})
        return row["version"] if row else NO_VERSION

    async def _complete(self, pid: str, version: int, digest: str, before: int) -> None:
        """Records the list as complete and deletes older files and parts.

        If a newer list was completed meanwhile, that one stays, and these files are the older ones.
        """
        with translate_errors():
            if before != NO_VERSION:
                await self._files.delete_many({"pid": pid, "version": {"$lt": version}})
            row = {"digest": digest, "version": version}
            older: Doc = {"_id": pid, "version": {"$lt": version}}
            try:
                done = await self._lists.update_one(older, {"$set": row}, upsert=True)
                is_first = done.upserted_id is not None
            except DuplicateKeyError:  # its version is not older
                version, is_first = await self._complete_version(pid), False
            if not is_first:  # older files may have been written meanwhile
                await self._files.delete_many({"pid": pid, "version": {"$lt": version}})
        await self._discard_parts(pid, version)

    async def _discard_parts(self, pid: str, version: int) -> None:
        """Deletes parts of lists up to this version."""
        with translate_errors():
            await self._parts.delete_many({"pid": pid, "version": {"$lte": version}})

    async def _write(self, rows: list[Doc]) -> None:
        """Inserts file rows; replaces rows that exist with an older version."""
        if not rows or not await self._has_duplicates(self._files.insert_many(rows, ordered=False)):
            return
        updates: list[Any] = [
            UpdateOne(
                {"_id": row["_id"], "version": {"$lt": row["version"]}},
                {"$set": {k: v for k, v in row.items() if k != "_id"}},
            )
            for row in rows
        ]
        await write_unordered(self._files, updates)

    @staticmethod
    async def _has_duplicates(insert: Awaitable[Any]) -> bool:
        """Runs an insert; returns whether some of its rows existed already."""
        try:
            await insert
        except BulkWriteError as error:
            faults: list[Doc] = (error.details or {}).get("writeErrors", [])
            if any(f["code"] != DUPLICATE_KEY for f in faults):
                raise
            return True
        return False


def file_row(event: DatasetFilesListed, file: File) -> Doc:
    return {
        "_id": pid_key(f"{event.pid}\n{file.location}")[:24],
        "pid": event.pid,
        "version": event.version,
        "location": file.location,
        "name": file.name,
        "path": file.path or "",
        "size": file.size,
        "sha256": file.sha256,
        "role": file.role or "data",
        "level": file.level,
    }
