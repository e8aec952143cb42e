"""Stores records in MongoDB. A record and the events about it are written in one transaction.

This module owns the collection `records`, except for the DOI fields (`store.dois`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from portal_shared.contracts.events import Event
from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime.batcher import Batcher
from portal_shared.runtime.mongo import (
    ASCENDING,
    BulkWriteError,
    Client,
    Database,
    Doc,
    InsertOne,
    Session,
    StaleVersion,
    UpdateOne,
    WriteConflict,
    is_duplicate_key,
    transaction,
    translate_errors,
    write_all,
    write_unordered,
)

from portal_ingest.domain.publicity import last_public
from portal_ingest.domain.stored_record import EditionLink, Kind, RecordWrite, StoredRecord
from portal_ingest.store.dois import DoiStore
from portal_ingest.store.file_lists import FileListStore

KINDS: tuple[Kind, ...] = ("document", "dataset", "instrument")
REQUESTED_PUBLIC = "asked_public"  # name of the field in MongoDB


COLLECT_SECONDS = 0.02  # what several jobs store meanwhile is one transaction
COLLECT_READS_SECONDS = 0.005
MAX_BATCH = 32
MAX_BATCH_ATTEMPTS = 3  # of a transaction of several jobs; then each has its own


@dataclass(frozen=True)
class Saving:
    """New versions that are stored together, with the rows of their events."""

    writes: Sequence[RecordWrite | EditionLink]
    events: Sequence[Doc]

    @property
    def pids(self) -> list[str]:
        return [w.pid if isinstance(w, EditionLink) else w.record.pid for w in self.writes]


@dataclass(frozen=True)
class Member:
    """What a publication needs of a dataset."""

    icat_id: int | None
    doi: str | None


class RecordStore:
    def __init__(
        self,
        client: Client,
        database: Database,
        outbox: Outbox,
        *,
        file_lists: FileListStore,
        dois: DoiStore,
    ) -> None:
        self._client = client
        self._outbox = outbox
        self._records = database["records"]
        self._file_lists = file_lists
        self._dois = dois
        self._finds: Batcher[str, StoredRecord | None] = Batcher(
            self._find, collect_seconds=COLLECT_READS_SECONDS, max_batch=MAX_BATCH
        )
        self._savings: Batcher[Saving, bool] = Batcher(
            self._save, collect_seconds=COLLECT_SECONDS, max_batch=MAX_BATCH
        )
        self._reservations: Batcher[Doc, StoredRecord | None] = Batcher(
            self._reserve, collect_seconds=COLLECT_SECONDS, max_batch=MAX_BATCH
        )

    async def prepare(self) -> None:
        """Creates the indexes."""
        with translate_errors():
            await self._records.create_index([("kind", ASCENDING), ("version", ASCENDING)])
            await self._records.create_index("datasets", sparse=True)
            await self._records.create_index("release_at", sparse=True)
            await self._records.create_index("icat_id", sparse=True)

    async def find(self, pid: str) -> StoredRecord | None:
        return await self._finds.submit(pid)

    async def _find(self, pids: Sequence[str]) -> list[StoredRecord | None]:
        found = await self.find_all(sorted(set(pids)))
        return [found.get(pid) for pid in pids]

    async def find_newest(self, pid: str) -> StoredRecord | None:
        """Returns the record, or the last of those that superseded it.

        An edition that was withdrawn before it was public counts as if it had never been.
        """
        found = newest = await self.find(pid)
        seen: set[str] = set()
        while found and found.superseded_by and found.pid not in seen:
            seen.add(found.pid)
            found = await self.find(found.superseded_by)
            if found is None or found.withdrawn is None or last_public(found) is not None:
                newest = found
        return newest

    async def public_members(self, pids: Sequence[str]) -> dict[str, Member]:
        """Returns those of these records that are or were public, by pid, in the given order."""
        if not pids:
            return {}
        with translate_errors():
            rows = self._records.find({"_id": {"$in": list(pids)}})
            found = {
                row["_id"]: Member(row.get("icat_id"), row.get("doi"))
                async for row in rows
                if last_public(from_row(row)) is not None
            }
        return {pid: found[pid] for pid in pids if pid in found}

    async def find_all(self, pids: Sequence[str]) -> dict[str, StoredRecord]:
        """Returns these records by pid."""
        with translate_errors():
            rows = self._records.find({"_id": {"$in": list(pids)}})
            return {row["_id"]: from_row(row) async for row in rows}

    async def documents_with(self, dataset: str) -> list[StoredRecord]:
        """Returns the documents that list the dataset."""
        with translate_errors():
            return [from_row(row) async for row in self._records.find({"datasets": dataset})]

    async def documents_by_member(self, pids: Sequence[str]) -> dict[str, set[str]]:
        """Returns the pids of the documents that each of these records belongs to."""
        found: dict[str, set[str]] = {}
        wanted = set(pids)
        with translate_errors():
            members = self._records.find({"_id": {"$in": list(pids)}}, {"document": 1})
            async for row in members:
                if row.get("document"):
                    found.setdefault(row["_id"], set()).add(row["document"])
            documents = self._records.find({"datasets": {"$in": list(pids)}}, {"datasets": 1})
            async for row in documents:
                for pid in wanted.intersection(row["datasets"]):
                    found.setdefault(pid, set()).add(row["_id"])
        return found

    async def datasets_of(self, documents: Sequence[str]) -> list[str]:
        """Returns the pids of the datasets of these documents."""
        if not documents:
            return []
        with translate_errors():
            rows = self._records.find({"_id": {"$in": list(documents)}}, {"datasets": 1})
            found = {row["_id"]: row.get("datasets") or () async for row in rows}
        return [dataset for pid in documents for dataset in found.get(pid, ())]

    async def others_with_icat_id(self, icat_id: int, pid: str) -> list[str]:
        """Returns the pids of the other records that this dataset of ICAT is registered for."""
        which = {"icat_id": icat_id, "_id": {"$ne": pid}}
        with translate_errors():
            return [row["_id"] async for row in self._records.find(which, {"_id": 1})]

    async def find_releasable(self) -> StoredRecord | None:
        """Returns a record whose embargo has ended."""
        with translate_errors():
            row = await self._records.find_one({"release_at": {"$lte": datetime.now(UTC)}})
        return from_row(row) if row else None

    async def reserve(self, pid: str, kind: Kind, job_id: str) -> StoredRecord | None:
        """Reserves the pid before the record is written to ICAT.

        Returns the record if the pid was reserved before: an earlier try may have written to ICAT.
        """
        row: Doc = {
            "_id": pid,
            "kind": kind,
            "version": 0,
            "hash": "",
            "job_id": job_id,
            "body": "",
        }
        return await self._reservations.submit({**row, "intended_at": datetime.now(UTC)})

    async def _reserve(self, rows: Sequence[Doc]) -> list[StoredRecord | None]:
        found: list[StoredRecord | None] = [None] * len(rows)
        with translate_errors():
            try:
                await write_unordered(self._records, [InsertOne(row) for row in rows])
            except BulkWriteError as error:
                if not is_duplicate_key(error):
                    raise
                for failed in error.details["writeErrors"]:
                    index: int = failed["index"]
                    found[index] = await self.find(rows[index]["_id"])
        return found

    async def save(self, *writes: RecordWrite | EditionLink) -> bool:
        """Stores all versions with their events, or returns False if any of them is stale."""
        events = [
            self._outbox.event_row(event)
            for write in writes
            if isinstance(write, RecordWrite)
            for event in (*write.events, *write.file_list)
        ]
        return await self._savings.submit(Saving(writes, events))

    async def _save(self, savings: Sequence[Saving]) -> list[bool]:
        """Stores what several jobs save in one transaction; raises WriteConflict if it cannot."""
        pids = [pid for saving in savings for pid in saving.pids]
        if len(savings) > 1 and len(set(pids)) < len(pids):
            raise WriteConflict("several jobs change the same record")
        writes = [write for saving in savings for write in saving.writes]
        updates = [_update(write) for write in writes]
        versions = [write for write in writes if isinstance(write, RecordWrite)]
        file_lists = [(write.record.pid, write.file_list) for write in versions]

        async def work(session: Session) -> None:
            if await write_all(self._records, updates, session=session) != len(updates):
                raise StaleVersion
            await self._dois.enqueue_documents_of([w.record for w in versions], session)
            await self._file_lists.replace(file_lists, session)
            await self._outbox.add_rows(session, [row for one in savings for row in one.events])

        try:
            max_attempts = MAX_BATCH_ATTEMPTS if len(savings) > 1 else None
            await transaction(self._client, work, max_tries=max_attempts)
        except StaleVersion:
            if len(savings) > 1:
                raise WriteConflict("another job changed one of the records") from None
            return [False]
        return [True] * len(savings)

    async def publish(self, events: Sequence[Event]) -> None:
        """Publishes events without changing a record."""

        async def work(session: Session) -> None:
            await self._outbox.add(session, events)

        await transaction(self._client, work)

    async def batch_after(self, pid: str, size: int) -> list[StoredRecord]:
        """Returns up to `size` registered records in the order of their pids, after `pid`."""
        with translate_errors():
            rows = self._records.find({"_id": {"$gt": pid}, "version": {"$gt": 0}})
            return [from_row(row) async for row in rows.sort("_id", ASCENDING).limit(size)]

    async def counts(self) -> dict[str, int]:
        """Returns the number of records of each kind, and in some states."""
        with translate_errors():
            found = {
                f"{kind}s": await self._records.count_documents(
                    {"kind": kind, "version": {"$gt": 0}}
                )
                for kind in KINDS
            }
            found["embargoed"] = await self._records.count_documents({"release_at": {"$ne": None}})
            found["withdrawn"] = await self._records.count_documents({"withdrawn": {"$ne": None}})
            found["icat_refused"] = await self._dois.count_refused()
            return found


def from_row(row: Doc) -> StoredRecord:
    return StoredRecord(
        pid=row["_id"],
        kind=row["kind"],
        version=row["version"],
        hash=row["hash"],
        job_id=row["job_id"],
        body=row["body"],
        public_body=row.get("public_body"),
        icat_id=row.get("icat_id"),
        doi=row.get("doi"),
        doi_origin=row.get("doi_origin") or {},
        brought_doi=row.get("brought_doi"),
        document=row.get("document"),
        datasets=tuple(row.get("datasets") or ()),
        documents=tuple(row.get("documents") or ()),
        requested_public=row.get(REQUESTED_PUBLIC, True),
        release_at=row.get("release_at"),
        superseded_by=row.get("superseded_by"),
        withdrawn=row.get("withdrawn"),
        history=tuple(row.get("history") or ()),
    )


def _update(write: RecordWrite | EditionLink) -> UpdateOne:
    """Returns the update of a record, which matches nothing if it has another version."""
    if isinstance(write, EditionLink):
        which: Doc = {"_id": write.pid, "version": write.version}
        return UpdateOne(which, {"$set": {"superseded_by": write.superseded_by}})
    record = write.record
    embargo: Doc = {} if record.release_at else {"$unset": {"release_at": ""}}
    which = {"_id": record.pid, "version": record.version - 1}
    return UpdateOne(which, {"$set": to_row(record), **embargo})


def to_row(record: StoredRecord) -> Doc:
    """Returns the fields to set, without the pid and without the DOI of the doi service."""
    return {
        "kind": record.kind,
        "version": record.version,
        "hash": record.hash,
        "job_id": record.job_id,
        "body": record.body,
        "public_body": record.public_body,
        "icat_id": record.icat_id,
        "brought_doi": record.brought_doi,
        "document": record.document,
        "datasets": record.datasets,
        **({"documents": record.documents} if record.documents else {}),
        REQUESTED_PUBLIC: record.requested_public,
        "superseded_by": record.superseded_by,
        "withdrawn": record.withdrawn,
        "history": list(record.history),
        "updated_at": datetime.now(UTC),
        **({"release_at": record.release_at} if record.release_at else {}),
    }
