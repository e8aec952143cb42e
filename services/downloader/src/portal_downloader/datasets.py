"""Datasets as the downloader knows them, and the parts of lists of files that are on their way."""
# pyright: reportUnknownMemberType=false

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from portal_shared.events import DatasetAvailability, DatasetFilesListed
from portal_shared.model import Dataset, key
from portal_shared.mongo import (
    ASCENDING,
    Database,
    Doc,
    DuplicateKeyError,
    ReturnDocument,
    Session,
    translated,
)


@dataclass(frozen=True)
class Listing:
    """All parts of a list are there."""

    id: str
    pid: str
    version: int
    folder: str | None


class Datasets:
    def __init__(self, database: Database, lease: float) -> None:
        self.rows = database["datasets"]
        self._parts = database["parts"]
        self._lists = database["lists"]
        self._lease = timedelta(seconds=lease)

    async def prepare(self) -> None:
        """Make the indexes."""
        with translated():
            await self.rows.create_index("news", sparse=True)
            await self._parts.create_index([("pid", ASCENDING), ("version", ASCENDING)])
            await self._lists.create_index([("until", ASCENDING)])

    async def find(self, pid: str) -> Doc | None:
        with translated():
            return await self.rows.find_one({"_id": pid})

    async def registered(self, record: Dataset, version: int) -> None:
        """Keep what is said of it, if it is newer."""
        fields: Doc = {"version": version, "is_public": record.is_public}
        await self._newer(record.pid, "version", version, {"$set": fields})

    async def _newer(self, pid: str, counter: str, version: int, change: Doc) -> bool:
        older: Doc = {
            "_id": pid,
            counter: {"$not": {"$gte": version}},
        }
        with translated():
            try:
                result = await self.rows.update_one(older, change, upsert=True)
            except DuplicateKeyError:  # there, and not older
                return False
        return bool(result.matched_count or result.upserted_id)

    async def keep_part(self, event: DatasetFilesListed) -> bool:
        """Returns whether the list is complete now."""
        known = await self.find(event.pid)
        if known and known.get("list_version", -1) >= event.version:
            return False
        ours: Doc = {"pid": event.pid, "version": event.version}
        name = f"{key(event.pid)}-{event.version}"
        part = {**ours, "part": event.part, "files": [f.model_dump() for f in event.files]}
        with translated():
            await self._parts.replace_one({"_id": f"{name}-{event.part}"}, part, upsert=True)
            there = await self._parts.count_documents(ours)
            fields = {**ours, "folder": event.folder, "complete": there >= event.parts}
            change: Doc = {"$setOnInsert": fields}
            if there >= event.parts:
                change = {"$set": {**fields, "until": datetime.now(UTC)}}
            await self._lists.update_one({"_id": name}, change, upsert=True)
        known = await self.find(event.pid)
        if known and known.get("list_version", -1) >= event.version:  # meanwhile
            await self.drop_lists(Listing(name, event.pid, event.version, event.folder))
            return False
        return there >= event.parts

    async def claim_list(self) -> Listing | None:
        """A complete list to make the dataset's; not given to another for a while."""
        now = datetime.now(UTC)
        with translated():
            row = await self._lists.find_one_and_update(
                {"complete": True, "until": {"$lte": now}},
                {"$set": {"until": now + self._lease}},
                sort=[("until", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )
        return Listing(row["_id"], row["pid"], row["version"], row["folder"]) if row else None

    async def parts(self, listing: Listing) -> AsyncGenerator[list[Doc]]:
        which = {"pid": listing.pid, "version": listing.version}
        with translated():
            async for row in self._parts.find(which).sort("part", ASCENDING):
                yield row["files"]

    async def listed(self, listing: Listing) -> bool:
        """The list is the dataset's; False when a newer one is already."""
        change: Doc = {
            "$set": {"list_version": listing.version, "folder": listing.folder, "news": True},
            "$inc": {"changes": 1},
        }
        return await self._newer(listing.pid, "list_version", listing.version, change)

    async def drop_lists(self, listing: Listing) -> None:
        """This one and all older ones, with their parts."""
        which: Doc = {"pid": listing.pid, "version": {"$lte": listing.version}}
        with translated():
            await self._parts.delete_many(which)
            await self._lists.delete_many(which)

    async def pids_with_news(self, most: int) -> list[str]:
        with translated():
            rows = self.rows.find({"news": True}, {"_id": 1}).limit(most)
            return [row["_id"] async for row in rows]

    async def note_news(self, pid: str) -> Doc | None:
        """Its files or requests have changed; the row as it is then."""
        with translated():
            return await self.rows.find_one_and_update(
                {"_id": pid},
                {"$set": {"news": True}, "$inc": {"changes": 1}},
                return_document=ReturnDocument.AFTER,
            )

    async def news_told(self, row: Doc) -> None:
        """Unless there is more since the row was read."""
        with translated():
            await self.rows.update_one(
                {"_id": row["_id"], "changes": row["changes"]}, {"$unset": {"news": ""}}
            )

    async def available(self, row: Doc, event: DatasetAvailability, session: Session) -> bool:
        """Keep it within a transaction; False when somebody else told something since."""
        was: Doc = {"_id": row["_id"], "availability_version": row.get("availability_version")}
        fields = {
            "availability": event.availability,
            "availability_version": event.version,
            "files": event.files,
        }
        result = await self.rows.update_one(was, {"$set": fields}, session=session)
        return bool(result.matched_count)

    async def counts(self) -> dict[str, int]:
        with translated():
            return {
                "datasets": await self.rows.count_documents({"list_version": {"$exists": True}}),
                "lists_unfinished": await self._lists.count_documents({}),
                "availability_untold": await self.rows.count_documents({"news": True}),
            }
