"""Stores what the doi service published about records, and which of it ICAT does not have yet.

A DOI that ICAT refuses is written again after growing pauses; after the last one the reason
remains, until the record changes or an operator repairs it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from portal_shared.contracts.identifiers import bare_doi
from portal_shared.runtime.mongo import (
    ASCENDING,
    Database,
    Doc,
    ReturnDocument,
    Session,
    translate_errors,
)

from portal_ingest.domain.stored_record import StoredRecord

LEASE = timedelta(seconds=60)
GATHERING = timedelta(seconds=1)
REFUSAL_PAUSES = (5.0, 30.0)  # seconds
WAITING_SINCE = "icat_due"  # field in MongoDB: since when the DOI waits to be written to ICAT
PROBLEM = "icat_problem"  # why ICAT refused it last
REFUSALS = "icat_refusals"  # in a row, since it was enqueued
MAX_LISTED = 20  # refused records in a status


class DoiStore:
    """The DOI fields of the collection `records`."""

    def __init__(
        self, database: Database, *, refusal_pauses: Sequence[float] = REFUSAL_PAUSES
    ) -> None:
        self._records = database["records"]
        self._refusal_pauses = refusal_pauses

    async def prepare(self) -> None:
        """Creates the indexes."""
        with translate_errors():
            await self._records.create_index(WAITING_SINCE, sparse=True)
            await self._records.create_index("brought_doi", sparse=True)
            await self._records.create_index(PROBLEM, sparse=True)
            await self._records.create_index("documents", sparse=True)

    async def store(self, pid: str, *, version: int, fields: Doc, revision: int = 0) -> bool:
        """Stores the fields, unless a newer event of the doi service was stored before.

        Returns whether they were stored.
        """
        with translate_errors():
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

    async def find(self, pids: Sequence[str]) -> dict[str, Doc]:
        """Returns `doi`, `doi_state`, `doi_problem` and `icat_problem` by pid."""
        fields = dict.fromkeys(("doi", "doi_state", "doi_problem", PROBLEM), 1)
        with translate_errors():
            rows = self._records.find({"_id": {"$in": list(pids)}}, fields)
            return {row["_id"]: row async for row in rows}

    async def others_with(self, doi: str, pid: str) -> list[str]:
        """Returns the pids of up to six other records whose jobs gave the same DOI."""
        with translate_errors():
            rows = self._records.find({"brought_doi": bare_doi(doi)}, {"_id": 1}).limit(6)
            return [row["_id"] async for row in rows if row["_id"] != pid]

    async def enqueue_documents_of(self, record: StoredRecord, session: Session) -> None:
        """Enqueues the document, or the documents of the dataset, to be written to ICAT again.

        Also those that they are parts of, whose publications contain the same datasets.
        """
        now = datetime.now(UTC)
        if record.kind == "document":
            await self._enqueue({"_id": record.pid}, now, session)
            await self._enqueue({"documents": record.pid}, now + GATHERING, session)
            return
        await self._enqueue({"datasets": record.pid}, now, session)
        if record.version > 1:  # a new dataset is followed by its document
            rows = self._records.find({"datasets": record.pid}, {"_id": 1}, session=session)
            parts = [row["_id"] async for row in rows]
            await self._enqueue({"documents": {"$in": parts}}, now + GATHERING, session)

    async def enqueue_documents_with(self, dataset: str) -> None:
        """Enqueues the documents that list a dataset: their publications name its DOI.

        They wait a little, so that the DOIs of several datasets are written once.
        """
        with translate_errors():
            await self._enqueue({"datasets": dataset}, datetime.now(UTC) + GATHERING)

    async def _enqueue(self, which: Doc, since: datetime, session: Session | None = None) -> None:
        """Lets those of these records that have a DOI wait since then."""
        await self._records.update_many(
            {**which, "doi": {"$ne": None}},
            {"$set": {WAITING_SINCE: since}, "$unset": {REFUSALS: ""}},
            session=session,
        )

    async def waiting(self, limit: int) -> list[tuple[str, datetime]]:
        """Returns the pids whose DOI is to be written to ICAT, and since when, oldest first."""
        with translate_errors():
            rows = self._records.find(
                {WAITING_SINCE: {"$lt": datetime.now(UTC)}}, {WAITING_SINCE: 1}
            )
            found = rows.sort(WAITING_SINCE, ASCENDING).limit(limit)
            return [(row["_id"], row[WAITING_SINCE]) async for row in found]

    async def claim(self, pid: str, since: datetime) -> datetime | None:
        """Leases one of those for a minute; returns the end of the lease, or None if another
        replica was first.
        """
        end = datetime.now(UTC) + LEASE
        end = end.replace(microsecond=end.microsecond // 1000 * 1000)  # as MongoDB stores it
        with translate_errors():
            claimed = await self._records.update_one(
                {"_id": pid, WAITING_SINCE: since}, {"$set": {WAITING_SINCE: end}}
            )
        return end if claimed.matched_count else None

    async def release(self, pid: str, lease: datetime) -> None:
        """Ends the lease: the DOI waits for the next attempt."""
        with translate_errors():
            await self._records.update_one(
                {"_id": pid, WAITING_SINCE: lease}, {"$set": {WAITING_SINCE: datetime.now(UTC)}}
            )

    async def mark_written(self, pid: str, lease: datetime) -> None:
        """Removes the record from those that wait, unless it was enqueued again meanwhile."""
        with translate_errors():
            await self._records.update_one(
                {"_id": pid, WAITING_SINCE: lease},
                {"$unset": {WAITING_SINCE: "", PROBLEM: "", REFUSALS: ""}},
            )

    async def mark_refused(self, pid: str, lease: datetime, reason: str) -> None:
        """Stores why ICAT refused the DOI. It waits for the next pause, or no longer after all."""
        with translate_errors():
            row: Doc | None = await self._records.find_one_and_update(
                {"_id": pid, WAITING_SINCE: lease},
                {"$set": {PROBLEM: reason}, "$inc": {REFUSALS: 1}},
                return_document=ReturnDocument.AFTER,
            )
            if not row:  # enqueued again meanwhile
                return
            count = int(row[REFUSALS])
            update: Doc = {"$unset": {WAITING_SINCE: "", REFUSALS: ""}}
            if count <= len(self._refusal_pauses):
                pause = timedelta(seconds=self._refusal_pauses[count - 1])
                update = {"$set": {WAITING_SINCE: datetime.now(UTC) + pause}}
            await self._records.update_one({"_id": pid, WAITING_SINCE: lease}, update)

    async def set_problem(self, pid: str, reason: str | None) -> None:
        """Stores why ICAT refused the DOI, or that it has it now."""
        change: Doc = {"$set": {PROBLEM: reason}} if reason else {"$unset": {PROBLEM: ""}}
        with translate_errors():
            await self._records.update_one({"_id": pid}, change)

    async def refused(self) -> dict[str, str]:
        """Returns why ICAT refused the DOIs of up to 20 records, by pid."""
        with translate_errors():
            rows = self._records.find({PROBLEM: {"$ne": None}}, {PROBLEM: 1})
            found = rows.sort("_id", ASCENDING).limit(MAX_LISTED)
            return {row["_id"]: row[PROBLEM] async for row in found}

    async def count_refused(self) -> int:
        return await self._records.count_documents({PROBLEM: {"$ne": None}})

    async def count_waiting(self) -> int:
        return await self._records.count_documents({WAITING_SINCE: {"$ne": None}})
