"""Datasets as the downloader knows them, and the parts of lists of files that are on their way."""
# pyright: reportUnknownMemberType=false

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from portal_shared.events import DatasetAvailability, DatasetFilesListed
from portal_shared.model import Dataset, key
from portal_shared.mongo import (
    ASCENDING,
    Database,
    Doc,
    DuplicateKeyError,
    ReturnDocument,
    Session,
    UpdateOne,
    translated,
)


@dataclass(frozen=True)
class Listing:
    """All parts of a list are there."""

    id: str
    pid: str
    version: int
    folder: str | None
    files: list[Doc] | None  # of a list in one part


def _listing(row: Doc) -> Listing:
    return Listing(row["_id"], row["pid"], row["version"], row["folder"], row.get("files"))


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
        fields: Doc = {
            "version": version,
            "is_public": record.is_public,
            "title": record.title,
            "doi": record.doi,
            "license": record.license,
            "created": record.created,
        }
        await self._newer(record.pid, "version", version, {"$set": fields})

    async def withdrawn(self, pid: str, version: int, reason: str) -> None:
        """Serve no byte of it any more, and say why."""
        fields: Doc = {"version": version, "is_public": False, "withdrawn": reason}
        await self._newer(pid, "version", version, {"$set": fields})

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
        name = f"{key(event.pid)}-{event.version}"
        ours: Doc = {"pid": event.pid, "version": event.version}
        files = [f.model_dump() for f in event.files]
        told: Doc = {**ours, "folder": event.folder, "parts": event.parts}
        whole: Doc = {**told, "complete": True, "until": datetime.now(UTC)}
        if event.parts == 1:
            await self._keep_list(name, {"$set": {**whole, "files": files}})
            return True
        if await self._is_known(event):
            return False
        part = {**ours, "part": event.part, "files": files}
        with translated():
            await self._parts.replace_one({"_id": f"{name}-{event.part}"}, part, upsert=True)
            complete = await self._parts.count_documents(ours) >= event.parts
        fresh = {"$setOnInsert": {**told, "complete": False}}
        await self._keep_list(name, {"$set": whole} if complete else fresh)
        if await self._is_known(event):  # meanwhile
            await self.drop_lists(_listing({"_id": name, **told}))
        return complete

    async def _keep_list(self, name: str, change: Doc) -> None:
        with translated():
            await self._lists.update_one({"_id": name}, change, upsert=True)

    async def _is_known(self, event: DatasetFilesListed) -> bool:
        known = await self.find(event.pid)
        return known is not None and known.get("list_version", -1) >= event.version

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
        return _listing(row) if row else None

    async def parts(self, listing: Listing) -> AsyncGenerator[list[Doc]]:
        if listing.files is not None:
            yield listing.files
            return
        which = {"pid": listing.pid, "version": listing.version}
        with translated():
            async for row in self._parts.find(which).sort("part", ASCENDING):
                yield row["files"]

    async def listed(self, listing: Listing) -> bool:
        """The list is the dataset's; False when a newer one is already."""
        change: Doc = {
            "$set": {
                "list_version": listing.version,
                "listed_at": datetime.now(UTC).replace(microsecond=0),
                "folder": listing.folder,
                "news": True,
            },
            "$inc": {"changes": 1},
        }
        return await self._newer(listing.pid, "list_version", listing.version, change)

    async def drop_lists(self, listing: Listing) -> None:
        """This one and all older ones, with their parts."""
        which: Doc = {"pid": listing.pid, "version": {"$lte": listing.version}}
        with translated():
            if listing.files is None or listing.version > 1:
                await self._parts.delete_many(which)
            await self._lists.delete_many(which)

    async def with_news(self, most: int) -> list[Doc]:
        with translated():
            return [row async for row in self.rows.find({"news": True}).limit(most)]

    async def note_news(self, pid: str) -> Doc | None:
        """Its files or requests have changed; the row as it is then."""
        with translated():
            return await self.rows.find_one_and_update(
                {"_id": pid},
                {"$set": {"news": True}, "$inc": {"changes": 1}},
                return_document=ReturnDocument.AFTER,
            )

    async def news_told(self, rows: Iterable[Doc]) -> None:
        """Unless there is more since a row was read."""
        seen: list[Any] = [
            UpdateOne({"_id": row["_id"], "changes": row["changes"]}, {"$unset": {"news": ""}})
            for row in rows
        ]
        with translated():
            await self.rows.bulk_write(seen, ordered=False)

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
