"""Jobs and records of ingest in MongoDB. A record and the events about it are one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from portal_shared.events import DatasetFilesListed, Event
from portal_shared.mongo import (
    ASCENDING,
    Client,
    Database,
    Doc,
    DuplicateKeyError,
    ReturnDocument,
    Session,
    transaction,
    translated,
)
from portal_shared.outbox import Outbox

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
    )


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
            await self._listings.create_index([("pid", ASCENDING), ("part", ASCENDING)])

    async def find(self, pid: str) -> Stored | None:
        with translated():
            row = await self._records.find_one({"_id": pid})
        return _stored(row) if row else None

    async def others_with_doi(self, doi: str, pid: str) -> list[str]:
        """Records that brought the same DOI."""
        with translated():
            rows = self._records.find({"brought_doi": doi}, {"_id": 1}).limit(6)
            return [row["_id"] async for row in rows if row["_id"] != pid]

    async def intend(self, pid: str, kind: Kind, job_id: str) -> bool:
        """Note that it will be written outside; returns whether that may have happened before."""
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
                return True
        return False

    async def save(
        self,
        stored: Stored,
        *,
        was: int,
        events: Sequence[Event],
        listing: Sequence[DatasetFilesListed] = (),
    ) -> bool:
        """Keep this version and say the events; False when another version came between."""
        now = datetime.now(UTC)
        fields: Doc = {
            "kind": stored.kind,
            "version": stored.version,
            "hash": stored.hash,
            "job_id": stored.job_id,
            "body": stored.body,
            "icat_id": stored.icat_id,
            "brought_doi": stored.brought_doi,
            "document": stored.document,
            "datasets": stored.datasets,
            "updated_at": now,
        }

        async def work(session: Session) -> bool:
            result = await self._records.update_one(
                {"_id": stored.pid, "version": was}, {"$set": fields}, session=session
            )
            if not result.matched_count:
                return False
            await self._due_again(stored, session)
            await self._keep_listing(stored.pid, listing, session)
            await self._outbox.add(session, [*events, *listing])
            return True

        return await transaction(self._client, work)

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

    async def note_doi(self, pid: str, *, version: int, fields: Doc) -> bool:
        """Keep what the doi service said, unless it said something newer before."""
        with translated():
            result = await self._records.update_one(
                {"_id": pid, "doi_version": {"$not": {"$gt": version}}},
                {"$set": {**fields, "doi_version": version}},
            )
        return bool(result.matched_count)

    async def claim_due(self) -> Stored | None:
        """A record whose DOI ICAT has not been told; not given to another for a while."""
        now = datetime.now(UTC)
        with translated():
            row = await self._records.find_one_and_update(
                {"icat_due": {"$lt": now}},
                {"$set": {"icat_due": now + LEASE}},
                sort=[("icat_due", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )
        return _stored(row) if row else None

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
