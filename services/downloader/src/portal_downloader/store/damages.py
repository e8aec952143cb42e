"""Repository of damaged files: verified against their checksums, but they cannot be decoded."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from portal_shared.runtime.mongo import ASCENDING, Database, Doc, translate_errors

from portal_downloader.store.rows.file import file_id

MAX_REASON_CHARS = 300


@dataclass(frozen=True, slots=True)
class Damage:
    """A file with a chunk that cannot be decoded."""

    pid: str
    location: str
    chunk: str  # its indices z/y/x
    reason: str
    found_at: datetime


class Damages:
    def __init__(self, database: Database) -> None:
        self._rows = database["damages"]

    async def report(self, pid: str, location: str, *, chunk: str, reason: str) -> None:
        """Stores that a file is damaged; once for each file."""
        fields: Doc = {"pid": pid, "location": location, "chunk": chunk}
        fields |= {"reason": reason[:MAX_REASON_CHARS], "found_at": datetime.now(UTC)}
        with translate_errors():
            which = {"_id": file_id(pid, location)}
            await self._rows.update_one(which, {"$setOnInsert": fields}, upsert=True)

    async def remove(self, ids: Collection[str]) -> None:
        """Removes reports of files that have another content now; `ids` are their keys."""
        with translate_errors():
            await self._rows.delete_many({"_id": {"$in": list(ids)}})

    async def of_datasets(self, pids: Collection[str]) -> set[str]:
        """Returns the keys of the damaged files of these datasets."""
        with translate_errors():
            rows = self._rows.find({"pid": {"$in": list(pids)}}, {"_id": 1})
            return {row["_id"] async for row in rows}

    async def count(self) -> int:
        """Returns how many files are damaged."""
        with translate_errors():
            return int(await self._rows.count_documents({}))

    async def first(self, limit: int) -> list[Damage]:
        """Returns damaged files in the order of datasets and locations."""
        with translate_errors():
            rows = self._rows.find({}).sort([("pid", ASCENDING), ("location", ASCENDING)])
            return [
                Damage(row["pid"], row["location"], row["chunk"], row["reason"], row["found_at"])
                async for row in rows.limit(limit)
            ]
