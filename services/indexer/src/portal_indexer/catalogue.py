"""The catalogue in MongoDB: every record with what belongs to it, kept for the gateway to read.

Rows of `dirty` name the records that have to be packed and indexed again: one for each reason, so
that none waits for another and a change during indexing keeps its record dirty.
"""
# pyright: reportUnknownMemberType=false

from collections.abc import AsyncGenerator, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from portal_shared.contracts.events import DatasetWithdrawn, DocumentWithdrawn, DoiMinted
from portal_shared.contracts.jobs import JobAnswer
from portal_shared.contracts.records import Change, Dataset, Document, Instrument, Level
from portal_shared.runtime.mongo import (
    ASCENDING,
    Database,
    Doc,
    DuplicateKeyError,
    UpdateOne,
    translate_errors,
)
from portal_shared.search import index_fields

from portal_indexer.debounce import ready

COLLECTIONS = index_fields.INDEXES
MARKED_AT_ONCE = 1000
CLEANED_AT_ONCE = 100  # SecantusDB compares each with all
MARKS_A_RECORD = 20  # read at most, on average
LEVELS: dict[Level, str] = {"document": index_fields.DOCUMENTS, "dataset": index_fields.DATASETS}


class Catalogue:
    def __init__(self, database: Database) -> None:
        self.database = database

    async def prepare(self) -> None:
        """Make the indexes."""
        with translate_errors():
            for name in COLLECTIONS:
                rows = self.database[name]
                await rows.create_index([("told_doi", ASCENDING)])
                for names in ("documents", "relations.pid", "supersedes", "superseded_by"):
                    await rows.create_index([(f"record.{names}", ASCENDING)])
            datasets = self.database["datasets"]
            await datasets.create_index([("record.document", ASCENDING)])
            await datasets.create_index([("documents", ASCENDING)])
            await datasets.create_index([("instrument", ASCENDING)])
            await self.database["documents"].create_index([("record.datasets", ASCENDING)])
            await self.database["techniques"].create_index([("name", ASCENDING)])
            await self.database["dirty"].create_index([("kind", ASCENDING)])

    async def put(
        self,
        name: str,
        record: Dataset | Document | Instrument,
        version: int,
        *,
        history: Sequence[Change] = (),
        new: bool = False,
    ) -> bool:
        """Keep a record if it is newer than what is there; `new`: probably nothing is there."""
        public = not isinstance(record, Dataset | Document) or record.is_public
        kept: Doc = {"record": record.model_dump(mode="json"), "public": public}
        if history:
            kept["history"] = _told(history)
        return await self._newer(name, record.pid, "version", version, kept, new=new)

    async def withdraw(self, name: str, event: DatasetWithdrawn | DocumentWithdrawn) -> bool:
        """Keep the tombstone, and the record only for those who look after the portal."""
        stone = event.model_dump(mode="json", include={"reason", "withdrawn_at", "title"})
        kept: Doc = {"public": False, "withdrawn": stone, "history": _told(event.history)}
        return await self._newer(name, event.pid, "version", event.version, kept)

    async def put_doi(self, event: DoiMinted) -> bool:
        """A draft leads nowhere yet, so it is not shown."""
        doi = None if event.state == "draft" else event.doi
        kept: Doc = {
            "doi": doi,
            "told_doi": doi.lower() if doi else None,
            "doi_state": event.state,
            "doi_adopted": event.adopted,
        }
        counter = "doi_revision" if event.revision else "doi_version"
        count = event.revision or event.version
        return await self._newer(LEVELS[event.level], event.pid, counter, count, kept)

    async def put_availability(self, pid: str, availability: str, version: int) -> bool:
        kept = {"availability": availability}
        return await self._newer("datasets", pid, "availability_version", version, kept)

    async def put_job(self, answer: JobAnswer) -> None:
        row = {**answer.model_dump(mode="json"), "at": datetime.now(UTC)}
        with translate_errors():
            await self.database["jobs"].replace_one({"_id": answer.job_id}, row, upsert=True)

    async def _newer(
        self, name: str, pid: str, counter: str, version: int, kept: Doc, *, new: bool = False
    ) -> bool:
        rows = self.database[name]
        older: Doc = {
            "_id": pid,
            counter: {"$not": {"$gte": version}},
        }
        change: Doc = {"$set": {**kept, counter: version}}
        with translate_errors():
            if not new and (await rows.update_one(older, change)).matched_count:
                return True
            try:
                await rows.insert_one({"_id": pid, **kept, counter: version})
            except DuplicateKeyError:
                return bool((await rows.update_one(older, change)).matched_count)
            return True

    async def mark(self, **pids: Iterable[str | None]) -> None:
        """These records, by kind, have to be packed again. To be called after their change."""
        now = datetime.now(UTC)
        marks: list[Doc] = [
            {"kind": kind, "pid": pid, "at": now}
            for kind, wanted in pids.items()
            for pid in sorted({p for p in wanted if p})
        ]
        for start in range(0, len(marks), MARKED_AT_ONCE):
            with translate_errors():
                await self.database["dirty"].insert_many(marks[start : start + MARKED_AT_ONCE])

    async def mark_all(self, since: datetime | None = None) -> None:
        """Every record; or those packed since a moment."""
        for name in COLLECTIONS:
            which: Doc = {"packed_at": {"$gte": since}} if since else {}
            rows = await self.find(name, which, {"_id": 1})
            await self.mark(**{name: [row["_id"] for row in rows]})

    async def dirty(self, name: str, most: int) -> list[Doc]:
        """Rows that are to be packed now; each with its `marks`."""
        with translate_errors():
            cursor = self.database["dirty"].find({"kind": name}).limit(most * MARKS_A_RECORD)
            marks = ready([mark async for mark in cursor], datetime.now(UTC), most)
        answers: Doc = {"json": 0, "relations": 0}
        found = await self.find(name, {"_id": {"$in": list(marks)}}, answers)
        there = {row["_id"] for row in found}
        rows = [*found, *({"_id": pid} for pid in marks if pid not in there)]
        return [{**row, "marks": marks[row["_id"]]} for row in rows]

    async def clean(self, name: str, packed: Sequence[tuple[Doc, Doc]]) -> None:
        """Rows as `dirty` gave them, with what packing found: clean unless marked meanwhile."""
        now = datetime.now(UTC)
        kept: list[Any] = [
            UpdateOne({"_id": row["_id"]}, {"$set": {**found, "packed_at": now}})
            for row, found in packed
        ]
        done = [mark for row, _ in packed for mark in row["marks"]]
        if kept:
            with translate_errors():
                await self.database[name].bulk_write(kept, ordered=False)
                for start in range(0, len(done), CLEANED_AT_ONCE):
                    few = done[start : start + CLEANED_AT_ONCE]
                    await self.database["dirty"].delete_many({"_id": {"$in": few}})

    async def every(self, name: str, since: datetime | None = None) -> AsyncGenerator[Doc]:
        """All rows that have a record, or those packed since a moment."""
        which: Doc = {"record": {"$exists": True}}
        if since:
            which["packed_at"] = {"$gte": since}
        with translate_errors():
            async for row in self.database[name].find(which):
                yield row

    async def find(self, name: str, which: Doc, fields: Doc | None = None) -> list[Doc]:
        with translate_errors():
            return [row async for row in self.database[name].find(which, fields)]

    async def note_techniques(self, found: Iterable[tuple[str, str]]) -> None:
        """Plain names of tags with the term they stand for: readers ask by either."""
        updates = [
            UpdateOne(
                {"_id": f"{name}\n{term}"}, {"$set": {"name": name, "term": term}}, upsert=True
            )
            for name, term in sorted(set(found))
        ]
        if updates:
            with translate_errors():
                await self.database["techniques"].bulk_write(updates, ordered=False)

    async def counts(self) -> dict[str, int]:
        """Records by kind, and how many of all wait to be indexed."""
        with translate_errors():
            found = {"pending": await self.database["dirty"].estimated_document_count()}
            for name in COLLECTIONS:
                rows = self.database[name]
                found[name] = await rows.estimated_document_count()
        return found


def _told(history: Sequence[Change]) -> list[Doc]:
    return [change.model_dump(mode="json") for change in history]
