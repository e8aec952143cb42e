"""Index of the cache (`contents`): SHA-256, size, CRC-32, last use and protection of each content.

Nothing is evicted before its `kept_until` has passed.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from portal_shared.runtime.mongo import (
    ASCENDING,
    Database,
    Doc,
    DuplicateKeyError,
    translate_errors,
)

FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Content:
    """A content of the cache."""

    sha256: str
    size: int


class Contents:
    def __init__(self, database: Database) -> None:
        self._rows = database["contents"]

    async def prepare(self) -> None:
        """Creates the indexes."""
        with translate_errors():
            await self._rows.create_index([("kept_until", ASCENDING), ("used_at", ASCENDING)])
            await self._rows.create_index([("used_at", ASCENDING)])

    async def add(self, sha256: str, *, size: int, crc32: int, keep: float) -> None:
        """Adds a verified content, protected for at least `keep` seconds."""
        now = datetime.now(UTC)
        fields = {"size": size, "crc32": crc32, "used_at": now}
        change = {"$set": fields, "$max": {"kept_until": now + timedelta(seconds=keep)}}
        with translate_errors():
            try:
                await self._rows.update_one({"_id": sha256}, change, upsert=True)
            except DuplicateKeyError:  # another replica added it at the same moment
                await self._rows.update_one({"_id": sha256}, change)

    async def retain(self, content: Content, *, crc32: int) -> None:
        """Adds a verified content, or changes it, so that it is never evicted."""
        fields = {"size": content.size, "crc32": crc32, "kept_until": FOR_EVER, "resident": True}
        change = {"$set": fields, "$setOnInsert": {"used_at": datetime.now(UTC)}}
        with translate_errors():
            try:
                await self._rows.update_one({"_id": content.sha256}, change, upsert=True)
            except DuplicateKeyError:  # another replica added it at the same moment
                await self._rows.update_one({"_id": content.sha256}, change)

    async def resident(self, after: str, limit: int) -> list[Content]:
        """Returns contents that are never evicted, in the order of their digests."""
        which: Doc = {"_id": {"$gt": after}, "resident": True}
        with translate_errors():
            rows = self._rows.find(which, {"size": 1}).sort("_id", ASCENDING).limit(limit)
            return [Content(row["_id"], row["size"]) async for row in rows]

    async def release(self, digests: Sequence[str]) -> None:
        """Ends the protection of contents that were never evicted."""
        which: Doc = {"_id": {"$in": list(digests)}, "resident": True}
        change = {"$set": {"kept_until": datetime.now(UTC)}, "$unset": {"resident": ""}}
        with translate_errors():
            await self._rows.update_many(which, change)

    async def resident_bytes(self) -> int:
        """Returns the size of the contents that are never evicted."""
        return await self._sum({"resident": True})

    async def touch(self, digests: Sequence[str], *, keep: float) -> None:
        """Records a use of these contents and protects them for at least `keep` seconds."""
        now = datetime.now(UTC)
        protected_until = now + timedelta(seconds=keep)
        change = {"$set": {"used_at": now}, "$max": {"kept_until": protected_until}}
        with translate_errors():
            await self._rows.update_many({"_id": {"$in": list(digests)}}, change)

    async def crc32s(self, digests: Sequence[str]) -> dict[str, int]:
        """Returns the CRC-32 of those of these contents that are in the index."""
        with translate_errors():
            rows = self._rows.find({"_id": {"$in": list(digests)}}, {"crc32": 1})
            return {row["_id"]: row["crc32"] async for row in rows}

    async def iterate(self) -> AsyncGenerator[Content]:
        """Yields every content."""
        with translate_errors():
            async for row in self._rows.find({}, {"size": 1}):
                yield Content(row["_id"], row["size"])

    async def total_bytes(self) -> int:
        """Returns the size of all contents together, without those that are never evicted."""
        return await self._sum({"resident": {"$ne": True}})

    async def pinned_bytes(self) -> int:
        """Returns the size of all protected contents, without those that are never evicted."""
        return await self._sum(
            {"kept_until": {"$gt": datetime.now(UTC)}, "resident": {"$ne": True}}
        )

    async def _sum(self, which: Doc) -> int:
        with translate_errors():
            group = {"$group": {"_id": None, "bytes": {"$sum": "$size"}}}
            async for row in self._rows.aggregate([{"$match": which}, group]):
                return int(row["bytes"])
        return 0

    async def evictable(self, limit: int) -> list[Content]:
        """Returns the unprotected contents that have not been used for longest."""
        which = {"kept_until": {"$lte": datetime.now(UTC)}}
        with translate_errors():
            rows = self._rows.find(which).sort("used_at", ASCENDING).limit(limit)
            return [Content(row["_id"], row["size"]) async for row in rows]

    async def evict(self, sha256: str) -> bool:
        """Removes a content from the index and returns True, unless it was used meanwhile."""
        which = {"_id": sha256, "kept_until": {"$lte": datetime.now(UTC)}}
        with translate_errors():
            result = await self._rows.delete_one(which)
        return bool(result.deleted_count)

    async def remove(self, sha256: str) -> None:
        """Removes a content that is no longer in the cache."""
        with translate_errors():
            await self._rows.delete_one({"_id": sha256})
