"""Stores records in MongoDB. A record and the events about it are written in one transaction.

This module owns the collection `records`, except for the DOI fields (`store.dois`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from portal_shared.contracts.events import Event
from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime.mongo import (
    ASCENDING,
    Client,
    Database,
    Doc,
    DuplicateKeyError,
    Session,
    StaleVersion,
    transaction,
    translate_errors,
)

from portal_ingest.domain.publicity import last_public
from portal_ingest.domain.stored_record import EditionLink, Kind, RecordWrite, StoredRecord
from portal_ingest.store.dois import DoiStore
from portal_ingest.store.file_lists import FileListStore

KINDS: tuple[Kind, ...] = ("document", "dataset", "instrument")
REQUESTED_PUBLIC = "asked_public"  # name of the field in MongoDB


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

    async def prepare(self) -> None:
        """Creates the indexes."""
        with translate_errors():
            await self._records.create_index([("kind", ASCENDING), ("version", ASCENDING)])
            await self._records.create_index("datasets", sparse=True)
            await self._records.create_index("release_at", sparse=True)
            await self._records.create_index("icat_id", sparse=True)

    async def find(self, pid: str) -> StoredRecord | None:
        with translate_errors():
            row = await self._records.find_one({"_id": pid})
        return from_row(row) if row else None

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

    async def public_among(self, pids: Sequence[str]) -> list[str]:
        """Returns those of these records that are or were public, in the given order."""
        with translate_errors():
            rows = self._records.find({"_id": {"$in": list(pids)}})
            public = {row["_id"] async for row in rows if last_public(from_row(row)) is not None}
        return [pid for pid in pids if pid in public]

    async def documents_with(self, dataset: str) -> list[StoredRecord]:
        """Returns the documents that list the dataset."""
        with translate_errors():
            return [from_row(row) async for row in self._records.find({"datasets": dataset})]

    async def documents_of(self, pids: Sequence[str]) -> set[str]:
        """Returns the pids of the documents that any of these records belongs to."""
        with translate_errors():
            members = self._records.find({"_id": {"$in": list(pids)}}, {"document": 1})
            found = {row.get("document") async for row in members}
            documents = self._records.find({"datasets": {"$in": list(pids)}}, {"_id": 1})
            found |= {row["_id"] async for row in documents}
        return {pid for pid in found if pid}

    async def datasets_of(self, documents: Sequence[str]) -> list[str]:
        """Returns the pids of the datasets of these documents."""
        if not documents:
            return []
        with translate_errors():
            rows = self._records.find({"_id": {"$in": list(documents)}}, {"datasets": 1})
            found = {row["_id"]: row.get("datasets") or () async for row in rows}
        return [dataset for pid in documents for dataset in found.get(pid, ())]

    async def icat_ids(self, pids: Sequence[str]) -> list[int]:
        """Returns the ids in ICAT of those of these datasets that are registered there."""
        with translate_errors():
            rows = self._records.find(
                {"_id": {"$in": list(pids)}, "icat_id": {"$ne": None}}, {"icat_id": 1}
            )
            return [row["icat_id"] async for row in rows]

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
        with translate_errors():
            try:
                await self._records.insert_one({**row, "intended_at": datetime.now(UTC)})
            except DuplicateKeyError:
                return await self.find(pid)
        return None

    async def save(self, *writes: RecordWrite | EditionLink) -> bool:
        """Stores all versions with their events, or returns False if any of them is stale."""

        async def work(session: Session) -> None:
            for write in writes:
                if isinstance(write, EditionLink):
                    await self._link(write, session)
                else:
                    await self._save(write, session)

        try:
            await transaction(self._client, work)
        except StaleVersion:
            return False
        return True

    async def _save(self, write: RecordWrite, session: Session) -> None:
        record = write.record
        embargo: Doc = {} if record.release_at else {"$unset": {"release_at": ""}}
        result = await self._records.update_one(
            {"_id": record.pid, "version": record.version - 1},
            {"$set": to_row(record), **embargo},
            session=session,
        )
        if not result.matched_count:
            raise StaleVersion
        await self._dois.enqueue_documents_of(record, session)
        await self._file_lists.replace(record.pid, write.file_list, session)
        await self._outbox.add(session, [*write.events, *write.file_list])

    async def _link(self, link: EditionLink, session: Session) -> None:
        result = await self._records.update_one(
            {"_id": link.pid, "version": link.version},
            {"$set": {"superseded_by": link.superseded_by}},
            session=session,
        )
        if not result.matched_count:
            raise StaleVersion

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
        """Returns the numbers for /status and /metrics."""
        with translate_errors():
            found = {
                f"{kind}s": await self._records.count_documents(
                    {"kind": kind, "version": {"$gt": 0}}
                )
                for kind in KINDS
            }
            found["embargoed"] = await self._records.count_documents({"release_at": {"$ne": None}})
            found["withdrawn"] = await self._records.count_documents({"withdrawn": {"$ne": None}})
            found["icat_due"] = await self._dois.count_waiting()
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
