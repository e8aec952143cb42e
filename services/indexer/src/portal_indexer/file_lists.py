"""File lists of datasets in MongoDB. A list arrives in parts and counts once it is complete.

Only a newer complete list replaces the list of a dataset. Calls of the database for lists that
arrive together are combined.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any

from portal_shared.contracts.events import DatasetFilesListed
from portal_shared.contracts.records import File, pid_key
from portal_shared.runtime.batcher import Batcher, write_batcher
from portal_shared.runtime.mongo import (
    ASCENDING,
    DUPLICATE_KEY,
    BulkWriteError,
    Database,
    DeleteMany,
    Doc,
    UpdateOne,
    is_duplicate_key,
    translate_errors,
    write_unordered,
)

NO_VERSION = -1
COLLECT_SECONDS = 0.01  # calls for lists that come within it are combined
MAX_BATCH = 100


@dataclass(frozen=True)
class CompleteList:
    """A list of which all parts have arrived."""

    pid: str
    version: int
    digest: str

    @property
    def update(self) -> UpdateOne:
        """Replaces an older list; fails if there is one that is not older."""
        older: Doc = {"_id": self.pid, "version": {"$lt": self.version}}
        row = {"digest": self.digest, "version": self.version}
        return UpdateOne(older, {"$set": row}, upsert=True)


class FileLists:
    def __init__(self, database: Database) -> None:
        self._files = database["files"]
        self._parts = database["file_parts"]
        self._lists = database["file_lists"]
        self._versions: Batcher[str, int] = Batcher(
            self._find_versions, collect_seconds=COLLECT_SECONDS, max_batch=MAX_BATCH
        )
        self._completions: Batcher[CompleteList, bool] = Batcher(
            self._store_complete, collect_seconds=COLLECT_SECONDS, max_batch=MAX_BATCH
        )
        self._discards = write_batcher(
            self._delete_parts, collect_seconds=COLLECT_SECONDS, max_batch=MAX_BATCH
        )

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
        return await self._versions.submit(pid)

    async def _find_versions(self, pids: Sequence[str]) -> list[int]:
        with translate_errors():
            rows = self._lists.find({"_id": {"$in": sorted(set(pids))}}, {"version": 1})
            versions = {row["_id"]: int(row["version"]) async for row in rows}
        return [versions.get(pid, NO_VERSION) for pid in pids]

    async def _complete(self, pid: str, version: int, digest: str, before: int) -> None:
        """Records the list as complete and deletes older files and parts.

        If a newer list was completed meanwhile, that one stays, and these files are the older ones.
        """
        with translate_errors():
            if before != NO_VERSION:
                await self._files.delete_many({"pid": pid, "version": {"$lt": version}})
            try:
                is_first = await self._completions.submit(CompleteList(pid, version, digest))
            except BulkWriteError as error:
                if not is_duplicate_key(error):
                    raise
                version, is_first = await self._complete_version(pid), False
            if not is_first:  # older files may have been written meanwhile
                await self._files.delete_many({"pid": pid, "version": {"$lt": version}})
        await self._discard_parts(pid, version)

    async def _store_complete(self, lists: Sequence[CompleteList]) -> list[bool]:
        """Returns whether each list is the first of its dataset; of several, whether all are.

        Raises BulkWriteError if the stored list of one is not older.
        """
        updates = {(one.pid, one.version): one.update for one in lists}
        with translate_errors():
            counts = await write_unordered(self._lists, list(updates.values()))
        return [not counts.matched] * len(lists)

    async def _discard_parts(self, pid: str, version: int) -> None:
        """Deletes parts of lists up to this version."""
        await self._discards.submit(DeleteMany({"pid": pid, "version": {"$lte": version}}))

    async def _delete_parts(self, deletes: Sequence[DeleteMany]) -> None:
        with translate_errors():
            await write_unordered(self._parts, deletes)

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
