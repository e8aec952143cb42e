"""Datasets as the downloader knows them, and the parts of lists of files that are on their way."""
# pyright: reportUnknownMemberType=false

import uuid
from bisect import bisect_right
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from portal_shared.contracts.events import (
    DatasetAvailability,
    DatasetFilesListed,
    DatasetRegistered,
)
from portal_shared.contracts.records import pid_key
from portal_shared.runtime.mongo import (
    ASCENDING,
    DUPLICATE_KEY,
    BulkWriteError,
    Database,
    Doc,
    ReturnDocument,
    Session,
    UpdateOne,
    translate_errors,
)

from portal_downloader.store.signals import Bells

MOST_BORDERS = 2000  # of a dataset


@dataclass(frozen=True)
class Listing:
    """All parts of a list are there."""

    id: str  # empty for one that came whole
    pid: str
    version: int
    folder: str | None
    files: list[Doc] | None  # of a list in one part


def _listing(row: Doc) -> Listing:
    return Listing(row["_id"], row["pid"], row["version"], row["folder"], row.get("files"))


def _as_read(row: Doc) -> Doc:
    """That row, unless it has changed since."""
    return {
        "_id": row["_id"],
        "changes": row.get("changes"),
        "availability_version": row.get("availability_version"),
    }


class Datasets:
    def __init__(self, database: Database, lease: float, bells: Bells) -> None:
        self._bells = bells
        self.rows = database["datasets"]
        self._parts = database["parts"]
        self._lists = database["lists"]
        self._borders = database["borders"]
        self._lease = timedelta(seconds=lease)

    async def prepare(self) -> None:
        """Make the indexes."""
        with translate_errors():
            await self.rows.create_index("news", sparse=True)
            await self._parts.create_index([("pid", ASCENDING), ("version", ASCENDING)])
            await self._lists.create_index([("until", ASCENDING)])

    async def find(self, pid: str) -> Doc | None:
        with translate_errors():
            return await self.rows.find_one({"_id": pid})

    async def list_versions(self, pids: Sequence[str]) -> dict[str, int]:
        """Of those whose files are listed."""
        which: Doc = {"_id": {"$in": list(pids)}, "list_version": {"$exists": True}}
        with translate_errors():
            rows = self.rows.find(which, {"list_version": 1})
            return {row["_id"]: row["list_version"] async for row in rows}

    async def registered(self, events: Sequence[DatasetRegistered]) -> None:
        """Keep what is said of each, where it is newer."""
        newest = {e.dataset.pid: e for e in sorted(events, key=lambda e: e.version)}
        changes: dict[str, tuple[int, Doc]] = {}
        for pid, event in newest.items():
            record = event.dataset
            fields: Doc = {
                "version": event.version,
                "is_public": record.is_public,
                "title": record.title,
                "doi": record.doi,
                "license": record.license,
                "created": record.created,
            }
            changes[pid] = event.version, {"$set": fields}
        await self._newer("version", changes)

    async def withdrawn(self, pid: str, version: int, reason: str) -> None:
        """Serve no byte of it any more, and say why."""
        fields: Doc = {"version": version, "is_public": False, "withdrawn": reason}
        await self._newer("version", {pid: (version, {"$set": fields})})

    async def _newer(self, counter: str, changes: Mapping[str, tuple[int, Doc]]) -> int:
        """Make these changes, by pid, where the counter is behind; how many were made."""
        writes: list[Any] = [
            UpdateOne({"_id": pid, counter: {"$not": {"$gte": version}}}, change, upsert=True)
            for pid, (version, change) in changes.items()
        ]
        if not writes:
            return 0
        with translate_errors():
            try:
                result = await self.rows.bulk_write(writes, ordered=False)
            except BulkWriteError as error:
                details: Any = error.details or {}
                if any(e.get("code") != DUPLICATE_KEY for e in details.get("writeErrors", [])):
                    raise
                return int(details["nMatched"] + details["nUpserted"])  # the others are newer
        return result.matched_count + result.upserted_count

    async def keep_part(self, event: DatasetFilesListed) -> None:
        """Of a list in several parts: together they are claimed as a list."""
        if await self._is_known(event):
            return
        name = f"{pid_key(event.pid)}-{event.version}"
        ours: Doc = {"pid": event.pid, "version": event.version}
        files = [f.model_dump() for f in event.files]
        told: Doc = {**ours, "folder": event.folder, "parts": event.parts}
        whole: Doc = {**told, "complete": True, "until": datetime.now(UTC)}
        part = {**ours, "part": event.part, "files": files}
        with translate_errors():
            await self._parts.replace_one({"_id": f"{name}-{event.part}"}, part, upsert=True)
            complete = await self._parts.count_documents(ours) >= event.parts
        change = {"$set": whole} if complete else {"$setOnInsert": {**told, "complete": False}}
        with translate_errors():
            await self._lists.update_one({"_id": name}, change, upsert=True)
        if await self._is_known(event):  # meanwhile
            await self.drop_lists([_listing({"_id": name, **told})])
        elif complete:
            self._bells.listing.ring()

    async def _is_known(self, event: DatasetFilesListed) -> bool:
        known = await self.find(event.pid)
        return known is not None and known.get("list_version", -1) >= event.version

    async def claim_list(self) -> Listing | None:
        """A complete list to make the dataset's; not given to another for a while."""
        now = datetime.now(UTC)
        with translate_errors():
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
        with translate_errors():
            async for row in self._parts.find(which).sort("part", ASCENDING):
                yield row["files"]

    async def keep_borders(self, pid: str, locations: Iterable[str]) -> None:
        """Where its files can be divided, so that a portion of them is found without the others."""
        borders = sorted(set(locations))
        step = len(borders) // MOST_BORDERS + 1
        row: Doc = {"locations": borders[step - 1 :: step]}
        with translate_errors():
            await self._borders.replace_one({"_id": pid}, row, upsert=True)

    async def border(self, pid: str, after: str) -> str | None:
        """The first after this location, None where there is none: a hint, not more."""
        with translate_errors():
            row = await self._borders.find_one({"_id": pid})
        locations: list[str] = row["locations"] if row else []
        return next(iter(locations[bisect_right(locations, after) :][:1]), None)

    async def listed(self, listings: Sequence[Listing]) -> int:
        """These lists are their datasets', where no newer one is; how many are."""
        now = datetime.now(UTC).replace(microsecond=0)
        changes: dict[str, tuple[int, Doc]] = {}
        for listing in listings:
            fields: Doc = {
                "list_version": listing.version,
                "listed_at": now,
                "folder": listing.folder,
                "news": True,
            }
            changes[listing.pid] = listing.version, {"$set": fields, "$inc": {"changes": 1}}
        made = await self._newer("list_version", changes)
        self._bells.telling.ring()
        return made

    async def drop_lists(self, listings: Sequence[Listing]) -> None:
        """These and all older ones, with their parts."""
        older: list[Doc] = [{"pid": f.pid, "version": {"$lte": f.version}} for f in listings]
        with translate_errors():
            await self._parts.delete_many({"$or": older})
            await self._lists.delete_many({"$or": older})

    async def with_news(self, most: int) -> list[Doc]:
        with translate_errors():
            return [row async for row in self.rows.find({"news": True}).limit(most)]

    async def note_news(self, pid: str) -> Doc | None:
        """Its files or requests have changed; the row as it is then."""
        with translate_errors():
            row = await self.rows.find_one_and_update(
                {"_id": pid},
                {"$set": {"news": True}, "$inc": {"changes": 1}},
                return_document=ReturnDocument.AFTER,
            )
        self._bells.telling.ring()
        return row

    async def news_told(self, rows: Iterable[Doc]) -> None:
        """Unless there is more since a row was read."""
        seen: list[Any] = [UpdateOne(_as_read(row), {"$unset": {"news": ""}}) for row in rows]
        if seen:
            with translate_errors():
                await self.rows.bulk_write(seen, ordered=False)

    async def available(
        self, told: Sequence[tuple[Doc, DatasetAvailability]], session: Session
    ) -> list[DatasetAvailability]:
        """Keep these within a transaction, which ends the news; those that hold.

        Of a row that has changed since it was read, nothing holds: its news is told the next time.
        """
        teller = uuid.uuid4().hex
        writes: list[Any] = [
            UpdateOne(
                _as_read(row),
                {
                    "$set": {
                        "availability": event.availability,
                        "availability_version": event.version,
                        "files": event.files,
                        "teller": teller,
                    },
                    "$unset": {"news": ""},
                },
            )
            for row, event in told
        ]
        result = await self.rows.bulk_write(writes, ordered=False, session=session)
        if result.matched_count == len(told):
            return [event for _, event in told]
        which: Doc = {"_id": {"$in": [row["_id"] for row, _ in told]}, "teller": teller}
        ours = {row["_id"] async for row in self.rows.find(which, {"_id": 1}, session=session)}
        return [event for row, event in told if row["_id"] in ours]

    async def counts(self) -> dict[str, int]:
        with translate_errors():
            return {
                "datasets": await self.rows.count_documents({"list_version": {"$exists": True}}),
                "lists_unfinished": await self._lists.count_documents({}),
                "availability_untold": await self.rows.count_documents({"news": True}),
            }
