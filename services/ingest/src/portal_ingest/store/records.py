"""Jobs and records of ingest in MongoDB. A record and the events about it are one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from portal_shared.contracts.events import DatasetFilesListed, Event
from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime.mongo import (
    ASCENDING,
    Client,
    Database,
    Doc,
    DuplicateKeyError,
    Session,
    transaction,
    translated,
)

LEASE = timedelta(seconds=60)
Kind = Literal["document", "dataset", "instrument"]


@dataclass(frozen=True)
class Stored:
    """What is known of a record: registered when `version` is above 0, else only intended."""

    pid: str
    kind: Kind
    version: int
    hash: str
    job_id: str
    body: str  # the record as JSON: read whole, never searched in
    icat_id: int | None = None
    doi: str | None = None  # as the doi service says
    brought_doi: str | None = None
    document: str | None = None  # of a dataset
    datasets: tuple[str, ...] = ()  # of a document
    asked_public: bool = True  # what it will be when no embargo holds it back
    release_at: datetime | None = None  # the end of its embargo
    superseded_by: str | None = None
    withdrawn: Doc | None = None  # reason, at
    history: tuple[Doc, ...] = ()  # versions.entry


@dataclass(frozen=True)
class Saving:
    """A record's next version with what is to be said of it."""

    stored: Stored
    events: Sequence[Event]
    listing: Sequence[DatasetFilesListed] = ()


class _CameBetween(Exception):
    """Another version of one of the records."""


def _stored(row: Doc) -> Stored:
    return Stored(
        pid=row["_id"],
        kind=row["kind"],
        version=row["version"],
        hash=row["hash"],
        job_id=row["job_id"],
        body=row["body"],
        icat_id=row.get("icat_id"),
        doi=row.get("doi"),
        brought_doi=row.get("brought_doi"),
        document=row.get("document"),
        datasets=tuple(row.get("datasets") or ()),
        asked_public=row.get("asked_public", True),
        release_at=row.get("release_at"),
        superseded_by=row.get("superseded_by"),
        withdrawn=row.get("withdrawn"),
        history=tuple(row.get("history") or ()),
    )


def _fields(stored: Stored) -> Doc:
    return {
        "kind": stored.kind,
        "version": stored.version,
        "hash": stored.hash,
        "job_id": stored.job_id,
        "body": stored.body,
        "icat_id": stored.icat_id,
        "brought_doi": stored.brought_doi,
        "document": stored.document,
        "datasets": stored.datasets,
        "asked_public": stored.asked_public,
        "superseded_by": stored.superseded_by,
        "withdrawn": stored.withdrawn,
        "history": list(stored.history),
        "updated_at": datetime.now(UTC),
        **({"release_at": stored.release_at} if stored.release_at else {}),
    }


def _unset(stored: Stored) -> Doc:
    return {} if stored.release_at else {"$unset": {"release_at": ""}}


class Registry:
    def __init__(self, client: Client, database: Database, outbox: Outbox) -> None:
        self._client = client
        self._outbox = outbox
        self._records = database["records"]
        self._listings = database["listings"]

    async def prepare(self) -> None:
        """Make the indexes."""
        with translated():
            await self._records.create_index([("kind", ASCENDING), ("version", ASCENDING)])
            await self._records.create_index("icat_due", sparse=True)
            await self._records.create_index("brought_doi", sparse=True)
            await self._records.create_index("datasets", sparse=True)
            await self._records.create_index("release_at", sparse=True)
            await self._listings.create_index([("pid", ASCENDING), ("part", ASCENDING)])

    async def find(self, pid: str) -> Stored | None:
        with translated():
            row = await self._records.find_one({"_id": pid})
        return _stored(row) if row else None

    async def newest(self, pid: str) -> Stored | None:
        """The record of that pid, or the last of those that superseded it."""
        found = await self.find(pid)
        seen: set[str] = set()
        while found and found.superseded_by and found.pid not in seen:
            seen.add(found.pid)
            found = await self.find(found.superseded_by)
        return found

    async def documents_with(self, pid: str) -> list[Stored]:
        """Those that list the dataset."""
        with translated():
            return [_stored(row) async for row in self._records.find({"datasets": pid})]

    async def documents_of(self, pids: Sequence[str]) -> set[str]:
        """Pids of the documents that any of these records belongs to."""
        with translated():
            mine = self._records.find({"_id": {"$in": list(pids)}}, {"document": 1})
            found = {row.get("document") async for row in mine}
            listing = self._records.find({"datasets": {"$in": list(pids)}}, {"_id": 1})
            found |= {row["_id"] async for row in listing}
        return {pid for pid in found if pid}

    async def due_release(self) -> Stored | None:
        """A record whose embargo has ended."""
        with translated():
            row = await self._records.find_one({"release_at": {"$lte": datetime.now(UTC)}})
        return _stored(row) if row else None

    async def others_with_doi(self, doi: str, pid: str) -> list[str]:
        """Records that brought the same DOI."""
        with translated():
            rows = self._records.find({"brought_doi": doi}, {"_id": 1}).limit(6)
            return [row["_id"] async for row in rows if row["_id"] != pid]

    async def intend(self, pid: str, kind: Kind, job_id: str) -> Stored | None:
        """Note that it will be written outside; the record, if that may have happened before."""
        row: Doc = {
            "_id": pid,
            "kind": kind,
            "version": 0,
            "hash": "",
            "job_id": job_id,
            "body": "",
        }
        with translated():
            try:
                await self._records.insert_one({**row, "intended_at": datetime.now(UTC)})
            except DuplicateKeyError:
                return await self.find(pid)
        return None

    async def save(self, *savings: Saving) -> bool:
        """Keep these versions and say the events; False when another came between: nothing is."""

        async def work(session: Session) -> None:
            for saving in savings:
                await self._save(saving, session)

        try:
            await transaction(self._client, work)
        except _CameBetween:
            return False
        return True

    async def _save(self, saving: Saving, session: Session) -> None:
        stored = saving.stored
        result = await self._records.update_one(
            {"_id": stored.pid, "version": stored.version - 1},
            {"$set": _fields(stored), **_unset(stored)},
            session=session,
        )
        if not result.matched_count:
            raise _CameBetween
        await self._due_again(stored, session)
        await self._keep_listing(stored.pid, saving.listing, session)
        await self._outbox.add(session, [*saving.events, *saving.listing])

    async def _due_again(self, stored: Stored, session: Session) -> None:
        """What ICAT was told of a document's DOI is to be told again: its members changed."""
        of_this: Doc = (
            {"_id": stored.pid} if stored.kind == "document" else {"datasets": stored.pid}
        )
        await self._records.update_many(
            {**of_this, "doi": {"$ne": None}},
            {"$set": {"icat_due": datetime.now(UTC)}},
            session=session,
        )

    async def _keep_listing(
        self, pid: str, listing: Sequence[DatasetFilesListed], session: Session
    ) -> None:
        for part in listing:
            await self._listings.replace_one(
                {"pid": pid, "part": part.part},
                {"pid": pid, "part": part.part, "body": part.model_dump_json()},
                upsert=True,
                session=session,
            )
        if listing and listing[0].version > 1:
            await self._listings.delete_many(
                {"pid": pid, "part": {"$gte": listing[0].parts}}, session=session
            )

    async def say_part(self, part: DatasetFilesListed) -> None:
        """Keep and say one part of a list that is too long for one transaction."""

        async def work(session: Session) -> None:
            which = {"pid": part.pid, "part": part.part}
            row = {**which, "body": part.model_dump_json()}
            await self._listings.replace_one(which, row, upsert=True, session=session)
            await self._outbox.add(session, [part])

        await transaction(self._client, work)

    async def drop_parts(self, pid: str, count: int) -> None:
        """What a longer list had after so many parts."""
        with translated():
            await self._listings.delete_many({"pid": pid, "part": {"$gte": count}})

    async def note_doi(self, pid: str, *, version: int, fields: Doc, revision: int = 0) -> bool:
        """Keep what the doi service said, unless it said something newer before."""
        with translated():
            result = await self._records.update_one(
                {
                    "_id": pid,
                    "doi_version": {"$not": {"$gt": version}},
                    **({"doi_revision": {"$not": {"$gt": revision}}} if revision else {}),
                },
                {
                    "$set": {**fields, "doi_version": version},
                    "$max": {"doi_revision": revision},
                },
            )
        return bool(result.matched_count)

    async def due(self, most: int) -> list[tuple[str, datetime]]:
        """Records whose DOI ICAT has not been told, with the moment since when that waits."""
        with translated():
            rows = self._records.find({"icat_due": {"$lt": datetime.now(UTC)}}, {"icat_due": 1})
            found = rows.sort("icat_due", ASCENDING).limit(most)
            return [(row["_id"], row["icat_due"]) async for row in found]

    async def claim_due(self, pid: str, since: datetime) -> Stored | None:
        """One of those, not given to another for a while; None when it was."""
        with translated():
            claimed = await self._records.update_one(
                {"_id": pid, "icat_due": since},
                {"$set": {"icat_due": datetime.now(UTC) + LEASE}},
            )
        return await self.find(pid) if claimed.matched_count else None

    async def told_icat(self, pid: str, doi: str | None) -> None:
        """ICAT has it; unless the DOI changed meanwhile."""
        with translated():
            await self._records.update_one({"_id": pid, "doi": doi}, {"$unset": {"icat_due": ""}})

    async def icat_ids(self, pids: Sequence[str]) -> list[int]:
        with translated():
            rows = self._records.find(
                {"_id": {"$in": list(pids)}, "icat_id": {"$ne": None}}, {"icat_id": 1}
            )
            return [row["icat_id"] async for row in rows]

    async def datasets_of(self, pids: Sequence[str]) -> list[str]:
        """The datasets of these documents."""
        if not pids:
            return []
        with translated():
            rows = self._records.find({"_id": {"$in": list(pids)}}, {"datasets": 1})
            found = {row["_id"]: row.get("datasets") or () async for row in rows}
        return [dataset for pid in pids for dataset in found.get(pid, ())]

    async def doi_facts(self, pids: Sequence[str]) -> dict[str, Doc]:
        """DOI, or why there is none, by pid: for the data manager."""
        with translated():
            rows = self._records.find(
                {"_id": {"$in": list(pids)}}, {"doi": 1, "doi_state": 1, "doi_problem": 1}
            )
            return {row["_id"]: row async for row in rows}

    async def counts(self) -> dict[str, int]:
        with translated():
            kinds: tuple[Kind, ...] = ("document", "dataset", "instrument")
            told = {
                f"{kind}s": await self._records.count_documents(
                    {"kind": kind, "version": {"$gt": 0}}
                )
                for kind in kinds
            }
            told["embargoed"] = await self._records.count_documents({"release_at": {"$ne": None}})
            told["withdrawn"] = await self._records.count_documents({"withdrawn": {"$ne": None}})
            told["icat_due"] = await self._records.count_documents({"icat_due": {"$ne": None}})
            return told

    async def batch_after(self, pid: str, size: int) -> list[Stored]:
        """Registered records in the order of their pids, from the one after `pid`."""
        with translated():
            rows = self._records.find({"_id": {"$gt": pid}, "version": {"$gt": 0}})
            return [_stored(row) async for row in rows.sort("_id", ASCENDING).limit(size)]

    async def listing(self, pid: str) -> list[DatasetFilesListed]:
        with translated():
            rows = self._listings.find({"pid": pid}).sort("part", ASCENDING)
            return [DatasetFilesListed.model_validate_json(row["body"]) async for row in rows]

    async def say_again(self, events: Sequence[Event]) -> None:
        async def work(session: Session) -> None:
            await self._outbox.add(session, events)

        await transaction(self._client, work)
