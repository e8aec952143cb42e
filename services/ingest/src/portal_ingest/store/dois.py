"""Stores what the doi service published about records, and which of it ICAT does not have yet.

A DOI that ICAT refuses is written again after growing pauses; after the last one the reason
remains, until the record changes or an operator repairs it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from portal_shared.contracts.identifiers import bare_doi
from portal_shared.runtime.batcher import Batcher
from portal_shared.runtime.mongo import (
    ASCENDING,
    Database,
    Doc,
    ReturnDocument,
    Session,
    UpdateMany,
    UpdateOne,
    Write,
    WriteConflict,
    translate_errors,
    write_all,
    write_unordered,
)

from portal_ingest.domain.stored_record import StoredRecord

COLLECT_SECONDS = 0.02  # the DOIs of events that come within it are stored together
MAX_BATCH = 100
LEASE = timedelta(seconds=60)
GATHERING = timedelta(seconds=1)
REFUSAL_PAUSES = (5.0, 30.0)  # seconds
WAITING_SINCE = "icat_due"  # field in MongoDB: since when the DOI waits to be written to ICAT
PROBLEM = "icat_problem"  # why ICAT refused it last
REFUSALS = "icat_refusals"  # in a row, since it was enqueued
MAX_LISTED = 20  # refused records in a status
MAX_COUNTED = 20_000  # records, for a status: there may be more
EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class DoiChange:
    """What an event of the doi service says about a record."""

    pid: str
    version: int
    fields: Doc
    revision: int = 0
    of_dataset: bool = False


class DoiStore:
    """The DOI fields of the collection `records`."""

    def __init__(
        self, database: Database, *, refusal_pauses: Sequence[float] = REFUSAL_PAUSES
    ) -> None:
        self._records = database["records"]
        self._refusal_pauses = refusal_pauses
        self._changes: Batcher[DoiChange, bool] = Batcher(
            self._store, collect_seconds=COLLECT_SECONDS, max_batch=MAX_BATCH
        )

    async def prepare(self) -> None:
        """Creates the indexes."""
        with translate_errors():
            await self._records.create_index(WAITING_SINCE, sparse=True)
            await self._records.create_index("brought_doi", sparse=True)
            await self._records.create_index(PROBLEM, sparse=True)
            await self._records.create_index("documents", sparse=True)

    async def store(self, change: DoiChange) -> bool:
        """Stores the fields, unless a newer event of the doi service was stored before.

        Returns whether they were stored. Documents that list a dataset are then enqueued, because
        their publications name its DOI.
        """
        return await self._changes.submit(change)

    async def _store(self, changes: Sequence[DoiChange]) -> list[bool]:
        if len({change.pid for change in changes}) < len(changes):
            raise WriteConflict("several events about one record at a time")
        with translate_errors():
            writes = [_change_update(change) for change in changes]
            stored = [True] * len(changes)
            if (await write_unordered(self._records, writes)).matched != len(writes):
                stored = [await self._store_one(change) for change in changes]
            pairs = zip(changes, stored, strict=True)
            datasets = [one.pid for one, is_stored in pairs if is_stored and one.of_dataset]
            if datasets:  # they wait a little, so that the DOIs of several are written once
                since = datetime.now(UTC) + GATHERING
                which: Doc = {"datasets": {"$in": datasets}}
                await write_all(self._records, [_enqueue(which, since)])
        return stored

    async def _store_one(self, change: DoiChange) -> bool:
        """Stores one of several changes again, to find out which were newer."""
        return bool(await write_all(self._records, [_change_update(change)]))

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

    async def enqueue_documents_of(self, records: Sequence[StoredRecord], session: Session) -> None:
        """Enqueues these documents, and those of these datasets, to be written to ICAT again.

        Also those that they are parts of, whose publications contain the same datasets.
        """
        now = datetime.now(UTC)
        documents = [r.pid for r in records if r.kind == "document"]
        datasets = [r.pid for r in records if r.kind == "dataset"]
        changed = [r.pid for r in records if r.kind == "dataset" and r.version > 1]
        updates: list[Write] = []
        if documents:
            updates.append(_enqueue({"_id": {"$in": documents}}, now))
            updates.append(_enqueue({"documents": {"$in": documents}}, now + GATHERING))
        if datasets:
            updates.append(_enqueue({"datasets": {"$in": datasets}}, now))
        if changed:  # a new dataset is followed by its document
            rows = self._records.find({"datasets": {"$in": changed}}, {"_id": 1}, session=session)
            parts = [row["_id"] async for row in rows]
            updates.append(_enqueue({"documents": {"$in": parts}}, now + GATHERING))
        if updates:
            await write_all(self._records, updates, session=session)

    async def waiting(self, limit: int) -> list[tuple[str, datetime]]:
        """Returns the pids whose DOI is to be written to ICAT, and since when, oldest first."""
        with translate_errors():
            rows = self._records.find(
                {WAITING_SINCE: {"$lt": datetime.now(UTC)}}, {WAITING_SINCE: 1}
            )
            found = rows.sort(WAITING_SINCE, ASCENDING).limit(limit)
            return [(row["_id"], row[WAITING_SINCE]) async for row in found]

    async def claim(self, waiting: Sequence[tuple[str, datetime]]) -> tuple[datetime, list[str]]:
        """Leases those of these for a minute that no other replica leased first.

        Returns the end of the lease, and their pids.
        """
        end = datetime.now(UTC) + LEASE
        end = end.replace(microsecond=end.microsecond // 1000 * 1000)  # as MongoDB stores it
        updates = [
            UpdateOne({"_id": pid, WAITING_SINCE: since}, {"$set": {WAITING_SINCE: end}})
            for pid, since in waiting
        ]
        pids = [pid for pid, _ in waiting]
        with translate_errors():
            if (await write_unordered(self._records, updates)).matched == len(updates):
                return end, pids
            rows = self._records.find({"_id": {"$in": pids}, WAITING_SINCE: end}, {"_id": 1})
            claimed = {row["_id"] async for row in rows}
        return end, [pid for pid in pids if pid in claimed]

    async def release(self, pids: Sequence[str], lease: datetime) -> None:
        """Ends the lease: the DOIs wait for the next attempt."""
        if pids:
            with translate_errors():
                await self._records.update_many(
                    {"_id": {"$in": list(pids)}, WAITING_SINCE: lease},
                    {"$set": {WAITING_SINCE: datetime.now(UTC)}},
                )

    async def mark_written(self, pids: Sequence[str], lease: datetime) -> None:
        """Removes the records from those that wait, unless they were enqueued again meanwhile."""
        if pids:
            with translate_errors():
                await self._records.update_many(
                    {"_id": {"$in": list(pids)}, WAITING_SINCE: lease},
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
            rows = self._records.find({PROBLEM: {"$gt": ""}}, {PROBLEM: 1})
            found = rows.sort("_id", ASCENDING).limit(MAX_LISTED)
            return {row["_id"]: row[PROBLEM] async for row in found}

    async def count_refused(self) -> int:
        return await self._records.count_documents({PROBLEM: {"$ne": None}})

    async def count_waiting(self) -> int:
        """Returns how many DOIs are to be written to ICAT, up to MAX_COUNTED."""
        which: Doc = {WAITING_SINCE: {"$gt": EPOCH}}  # by the sparse index
        with translate_errors():
            return await self._records.count_documents(which, limit=MAX_COUNTED)


def _enqueue(which: Doc, since: datetime) -> UpdateMany:
    """Lets those of these records that have a DOI wait since then."""
    return UpdateMany(
        {**which, "doi": {"$ne": None}},
        {"$set": {WAITING_SINCE: since}, "$unset": {REFUSALS: ""}},
    )


def _change_update(change: DoiChange) -> UpdateOne:
    """Returns the update of a record that has no newer DOI."""
    revision = change.revision
    which: Doc = {
        "_id": change.pid,
        "doi_version": {"$not": {"$gt": change.version}},
        **({"doi_revision": {"$not": {"$gt": revision}}} if revision else {}),
    }
    fields = {**change.fields, "doi_version": change.version}
    return UpdateOne(which, {"$set": fields, "$max": {"doi_revision": revision}})
