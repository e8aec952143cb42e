"""What the cache holds, as rows in MongoDB: by SHA-256, with size, CRC-32, and how long it is kept.

`kept_until` is the pin of a reader's: nothing is evicted before it has passed.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from portal_shared.runtime.mongo import ASCENDING, Database, DuplicateKeyError, translate_errors


@dataclass(frozen=True)
class Content:
    sha256: str
    size: int


class Contents:
    def __init__(self, database: Database) -> None:
        self._rows = database["contents"]

    async def prepare(self) -> None:
        """Make the indexes."""
        with translate_errors():
            await self._rows.create_index([("kept_until", ASCENDING), ("used_at", ASCENDING)])
            await self._rows.create_index([("used_at", ASCENDING)])

    async def arrived(self, sha256: str, *, size: int, crc32: int, keep: float) -> None:
        """It is there, verified, and kept for so many seconds at least."""
        now = datetime.now(UTC)
        fields = {"size": size, "crc32": crc32, "used_at": now}
        change = {"$set": fields, "$max": {"kept_until": now + timedelta(seconds=keep)}}
        with translate_errors():
            try:
                await self._rows.update_one({"_id": sha256}, change, upsert=True)
            except DuplicateKeyError:  # at the same moment
                await self._rows.update_one({"_id": sha256}, change)

    async def used(self, digests: Sequence[str], *, keep: float) -> None:
        """Somebody wants these now: they stay for so many seconds more."""
        now = datetime.now(UTC)
        kept = now + timedelta(seconds=keep)
        change = {"$set": {"used_at": now}, "$max": {"kept_until": kept}}
        with translate_errors():
            await self._rows.update_many({"_id": {"$in": list(digests)}}, change)

    async def crc32s(self, digests: Sequence[str]) -> dict[str, int]:
        """Of those that are there."""
        with translate_errors():
            rows = self._rows.find({"_id": {"$in": list(digests)}}, {"crc32": 1})
            return {row["_id"]: row["crc32"] async for row in rows}

    async def all(self) -> AsyncGenerator[Content]:
        with translate_errors():
            async for row in self._rows.find({}, {"size": 1}):
                yield Content(row["_id"], row["size"])

    async def bytes(self) -> int:
        """What all of it takes up."""
        with translate_errors():
            group = {"$group": {"_id": None, "bytes": {"$sum": "$size"}}}
            async for row in self._rows.aggregate([group]):
                return int(row["bytes"])
        return 0

    async def pinned_bytes(self) -> int:
        """Of those that are kept for somebody."""
        now = datetime.now(UTC)
        with translate_errors():
            group = {"$group": {"_id": None, "bytes": {"$sum": "$size"}}}
            steps = [{"$match": {"kept_until": {"$gt": now}}}, group]
            async for row in self._rows.aggregate(steps):
                return int(row["bytes"])
        return 0

    async def evictable(self, most: int) -> list[Content]:
        """Those that nobody has wanted for longest and that are not kept."""
        which = {"kept_until": {"$lte": datetime.now(UTC)}}
        with translate_errors():
            rows = self._rows.find(which).sort("used_at", ASCENDING).limit(most)
            return [Content(row["_id"], row["size"]) async for row in rows]

    async def let_go(self, sha256: str) -> bool:
        """Forget it, unless somebody has wanted it since."""
        which = {"_id": sha256, "kept_until": {"$lte": datetime.now(UTC)}}
        with translate_errors():
            result = await self._rows.delete_one(which)
        return bool(result.deleted_count)

    async def forget(self, sha256: str) -> None:
        """It is not there any more, for whatever reason."""
        with translate_errors():
            await self._rows.delete_one({"_id": sha256})
