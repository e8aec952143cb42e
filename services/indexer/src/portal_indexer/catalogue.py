"""The catalogue in MongoDB: all records with their DOI, availability and ready answer.

The gateway reads it. Rows of `dirty` mark the records that have to be indexed again. Each change
adds a mark of its own: writers do not wait for each other, and a record that changes while it is
indexed stays dirty.
"""

from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from portal_shared.contracts.events import (
    DatasetAvailability,
    DatasetWithdrawn,
    DocumentWithdrawn,
    DoiMinted,
)
from portal_shared.contracts.jobs import JobAnswer
from portal_shared.contracts.records import Change, Dataset, Document, Instrument, Level
from portal_shared.runtime.batcher import Batcher, write_batcher
from portal_shared.runtime.mongo import (
    ASCENDING,
    BulkWriteError,
    Database,
    Doc,
    DuplicateKeyError,
    InsertOne,
    ReplaceOne,
    UpdateOne,
    is_duplicate_key,
    translate_errors,
    write_all,
    write_unordered,
)
from portal_shared.runtime.telemetry.origin import Origin, current_origin
from portal_shared.search import index_fields

from portal_indexer.marks.debounce import select_ready

COLLECTIONS = index_fields.INDEXES
USED_INSTRUMENT = "record.instrument.pid"  # field of a dataset
MARKS_PER_INSERT = 1000
MAX_COUNTED = 20_000  # marks, for /status: there may be more
MARKS_PER_DELETE = 100  # SecantusDB compares each row with the whole list
MAX_MARKS_PER_RECORD = 20  # marks that are read, on average
LEVELS: dict[Level, str] = {"document": index_fields.DOCUMENTS, "dataset": index_fields.DATASETS}
COLLECT_SECONDS = 0.02  # calls for events that come within it are combined
MAX_BATCH = 100


@dataclass(frozen=True)
class NewState:
    """Values of a record that count if its field `counter` is lower than `version`."""

    name: str  # of the collection
    pid: str
    counter: str
    version: int
    values: Doc
    is_new: bool  # the record is probably not stored yet, so an insert is tried first

    @property
    def row(self) -> Doc:
        return {"_id": self.pid, **self.values, self.counter: self.version}

    @property
    def update(self) -> UpdateOne:
        older: Doc = {"_id": self.pid, self.counter: {"$not": {"$gte": self.version}}}
        return UpdateOne(older, {"$set": {**self.values, self.counter: self.version}})


@dataclass(frozen=True)
class Lookup:
    """A query for the rows of a collection that have a value in a field."""

    name: str
    field: str
    value: str
    fields: tuple[str, ...]  # that are read, beside `_id` and `field`

    @property
    def query(self) -> tuple[str, str, tuple[str, ...]]:
        """What lookups have in common that are one query."""
        return self.name, self.field, self.fields


@dataclass(frozen=True)
class Marks:
    """The marks of a record: their ids, and what they follow from."""

    ids: list[Any]
    origins: tuple[Origin, ...]  # one of each job, or other cause


class Catalogue:
    def __init__(self, database: Database) -> None:
        self.database = database
        self._marks = write_batcher(
            self._insert_marks, collect_seconds=COLLECT_SECONDS, max_batch=MAX_BATCH
        )
        self._stores: Batcher[NewState, bool] = Batcher(
            self._store_states, collect_seconds=COLLECT_SECONDS, max_batch=MAX_BATCH
        )
        self._lookups: Batcher[Lookup, list[Doc]] = Batcher(
            self._look_up, collect_seconds=COLLECT_SECONDS, max_batch=MAX_BATCH
        )
        self._job_answers = write_batcher(
            self._store_job_answers, collect_seconds=COLLECT_SECONDS, max_batch=MAX_BATCH
        )

    async def prepare(self) -> None:
        """Creates the database indexes."""
        with translate_errors():
            for name in COLLECTIONS:
                rows = self.database[name]
                await rows.create_index([("told_doi", ASCENDING)])
                for field in ("name", "documents", "relations.pid", "supersedes", "superseded_by"):
                    await rows.create_index([(f"record.{field}", ASCENDING)])
            datasets = self.database["datasets"]
            await datasets.create_index([("record.document", ASCENDING)])
            await datasets.create_index([("documents", ASCENDING)])
            for names in ("target_dataset", "same_specimen"):  # of zooms: their overviews
                await datasets.create_index([(f"record.details.registration.{names}", ASCENDING)])
            await datasets.create_index([("instrument", ASCENDING)])
            await datasets.create_index([(USED_INSTRUMENT, ASCENDING), ("public", ASCENDING)])
            await self.database["documents"].create_index([("record.datasets", ASCENDING)])
            await self.database["techniques"].create_index([("name", ASCENDING)])
            await self.database["dirty"].create_index([("kind", ASCENDING)])

    async def store(
        self,
        name: str,
        record: Dataset | Document | Instrument,
        version: int,
        *,
        history: Sequence[Change] = (),
        new: bool = False,
    ) -> bool:
        """Stores a record unless the stored one is as new; returns whether it was stored.

        A public record that is hidden only loses its visibility: its last public state stays
        stored, for its tombstone. `new`: the record is probably not stored yet, so an insert is
        tried first.
        """
        public = not isinstance(record, Dataset | Document) or record.is_public
        if not public and await self._hide(name, record.pid, version):
            return True
        values: Doc = {"record": record.model_dump(mode="json"), "public": public}
        if history:
            values["history"] = _history_rows(history)
        return await self._store_if_newer(name, record.pid, "version", version, values, new=new)

    async def _hide(self, name: str, pid: str, version: int) -> bool:
        """Hides a record that was public until now; False if the stored one never was."""
        which: Doc = {"_id": pid, "version": {"$not": {"$gte": version}}, "record.is_public": True}
        change: Doc = {"$set": {"public": False, "version": version}}
        with translate_errors():
            return bool((await self.database[name].update_one(which, change)).matched_count)

    async def withdraw(self, name: str, event: DatasetWithdrawn | DocumentWithdrawn) -> bool:
        """Stores the tombstone beside the last public state of the record.

        The gateway shows it if `record.is_public`: nothing is public of a record that never was.
        """
        tombstone = event.model_dump(mode="json", include={"reason", "withdrawn_at", "title"})
        history = _history_rows(event.history)
        values: Doc = {"public": False, "withdrawn": tombstone, "history": history}
        if event.last_public is not None:
            values["record"] = event.last_public.model_dump(mode="json")
        return await self._store_if_newer(name, event.pid, "version", event.version, values)

    async def store_doi(self, event: DoiMinted) -> bool:
        """Stores the DOI of a record; a draft DOI does not resolve yet, so it is left out."""
        doi = None if event.state == "draft" else event.doi
        values: Doc = {
            "doi": doi,
            "told_doi": doi.lower() if doi else None,
            "doi_state": event.state,
            "doi_adopted": event.adopted,
        }
        counter = "doi_revision" if event.revision else "doi_version"
        count = event.revision or event.version
        return await self._store_if_newer(LEVELS[event.level], event.pid, counter, count, values)

    async def store_availability(self, event: DatasetAvailability) -> bool:
        values: Doc = {
            "availability": event.availability,
            "availability_detail": event.detail or event.availability,
        }
        return await self._store_if_newer(
            "datasets", event.pid, "availability_version", event.version, values
        )

    async def store_job_answer(self, answer: JobAnswer) -> None:
        row = {**answer.model_dump(mode="json"), "at": datetime.now(UTC)}
        await self._job_answers.submit(ReplaceOne({"_id": answer.job_id}, row, upsert=True))

    async def _store_job_answers(self, writes: Sequence[ReplaceOne[Doc]]) -> None:
        with translate_errors():
            await write_all(self.database["jobs"], writes)

    async def _store_if_newer(
        self, name: str, pid: str, counter: str, version: int, values: Doc, *, new: bool = False
    ) -> bool:
        """Stores `values` if the field `counter` is lower than `version`.

        Returns whether they are stored now.
        """
        return await self._stores.submit(NewState(name, pid, counter, version, values, new))

    async def _store_states(self, states: Sequence[NewState]) -> list[bool]:
        stored: dict[int, bool] = {}
        for name in {state.name for state in states}:
            of_collection = [state for state in states if state.name == name]
            stored |= await self._store_in(name, of_collection)
        return [stored[id(state)] for state in states]

    async def _store_in(self, name: str, states: Sequence[NewState]) -> dict[int, bool]:
        """Inserts new records and updates others; then those that were not as expected."""
        rows = self.database[name]
        new = [state for state in states if state.is_new]
        known = [state for state in states if not state.is_new]
        with translate_errors():
            if new:
                try:
                    await write_unordered(rows, [InsertOne(state.row) for state in new])
                except BulkWriteError as error:
                    if not is_duplicate_key(error):
                        raise
                    known += [new[one["index"]] for one in error.details["writeErrors"]]
            if not known:
                return {id(state): True for state in states}
            counts = await write_unordered(rows, [state.update for state in known])
            if counts.matched == len(known):
                return {id(state): True for state in states}
            found = {id(state): True for state in states}
            for state in known:
                found[id(state)] = await self._store_again(state)
            return found

    async def _store_again(self, state: NewState) -> bool:
        """Stores a state whose update may have matched nothing; returns whether it is stored."""
        rows = self.database[state.name]
        row = await rows.find_one({"_id": state.pid}, {state.counter: 1})
        if row is None:
            try:
                await rows.insert_one(state.row)
            except DuplicateKeyError:
                pass  # another state of the record came first
            else:
                return True
        # The record may have been inserted, with another state of the batch, after the update.
        counts = await write_unordered(rows, [state.update])
        return bool(counts.matched) or (row or {}).get(state.counter) == state.version

    async def look_up(
        self, name: str, field: str, value: str, fields: tuple[str, ...] = ()
    ) -> list[Doc]:
        """Returns the rows with the value in the field, with `_id` and these fields."""
        return await self._lookups.submit(Lookup(name, field, value, fields))

    async def _look_up(self, lookups: Sequence[Lookup]) -> list[list[Doc]]:
        rows_by_query: dict[tuple[str, str, tuple[str, ...]], list[Doc]] = {}
        for query in {one.query for one in lookups}:
            name, field, fields = query
            which: Doc = {field: {"$in": sorted({o.value for o in lookups if o.query == query})}}
            rows_by_query[query] = await self.find(name, which, dict.fromkeys((*fields, field), 1))
        return [
            [r for r in rows_by_query[one.query] if _has_value(r, one.field, one.value)]
            for one in lookups
        ]

    async def mark(self, **pids: Iterable[str | None]) -> None:
        """Marks records, by collection, to be indexed again. Call it after storing the change.

        A mark has the origin of the caller's work, for log entries and traces.
        """
        now, origin = datetime.now(UTC), current_origin().fields
        marks: list[Doc] = [
            {"kind": kind, "pid": pid, "at": now, **origin}
            for kind, changed in pids.items()
            for pid in sorted({p for p in changed if p})
        ]
        if marks:
            await self._marks.submit(marks)

    async def _insert_marks(self, several: Sequence[Sequence[Doc]]) -> None:
        marks = [mark for some in several for mark in some]
        for start in range(0, len(marks), MARKS_PER_INSERT):
            with translate_errors():
                await self.database["dirty"].insert_many(marks[start : start + MARKS_PER_INSERT])

    async def mark_all(
        self, since: datetime | None = None, *, names: Sequence[str] = COLLECTIONS
    ) -> None:
        """Marks all records of these collections, or those that were indexed since a time."""
        for name in names:
            which: Doc = {"packed_at": {"$gte": since}} if since else {}
            rows = await self.find(name, which, {"_id": 1})
            await self.mark(**{name: [row["_id"] for row in rows]})

    async def find_dirty(
        self, name: str, limit: int, *, besides: Collection[str] = ()
    ) -> dict[str, Marks]:
        """Returns the marks of records to be indexed now, by pid.

        Without the records `besides`, which others index.
        """
        most = limit * MAX_MARKS_PER_RECORD + len(besides)
        with translate_errors():
            cursor = self.database["dirty"].find({"kind": name}).limit(most)
            marks = [mark async for mark in cursor if mark["pid"] not in besides]
        origins: dict[str, dict[tuple[str, str], Origin]] = {}
        for mark in marks:
            origin = Origin.of_row(mark)
            origins.setdefault(mark["pid"], {}).setdefault(origin.cause, origin)
        ready = select_ready(marks, datetime.now(UTC), limit)
        return {pid: Marks(ids, tuple(origins[pid].values())) for pid, ids in ready.items()}

    async def load_marked(self, name: str, marks: Mapping[str, Marks]) -> list[Doc]:
        """Returns the rows of these records as they are now, each with its `marks`."""
        without_answers: Doc = {"json": 0, "relations": 0}
        found = await self.find(name, {"_id": {"$in": list(marks)}}, without_answers)
        stored = {row["_id"] for row in found}
        rows = [*found, *({"_id": pid} for pid in marks if pid not in stored)]
        return [{**row, "marks": marks[row["_id"]]} for row in rows]

    async def store_indexed(self, name: str, indexed: Sequence[tuple[Doc, Doc]]) -> None:
        """Stores the values found while indexing and deletes the marks that find_dirty read.

        A record that was marked again meanwhile stays dirty.
        """
        now = datetime.now(UTC)
        updates: list[Any] = [
            UpdateOne({"_id": row["_id"]}, {"$set": {**values, "packed_at": now}})
            for row, values in indexed
        ]
        marks = [mark for row, _ in indexed for mark in row["marks"].ids]
        if updates:
            with translate_errors():
                await write_unordered(self.database[name], updates)
                for start in range(0, len(marks), MARKS_PER_DELETE):
                    part = marks[start : start + MARKS_PER_DELETE]
                    await self.database["dirty"].delete_many({"_id": {"$in": part}})

    async def iterate(self, name: str, since: datetime | None = None) -> AsyncGenerator[Doc]:
        """Yields all rows that have a record, or those that were indexed since a time."""
        which: Doc = {"record": {"$exists": True}}
        if since:
            which["packed_at"] = {"$gte": since}
        with translate_errors():
            async for row in self.database[name].find(which):
                yield row

    async def find(self, name: str, which: Doc, fields: Doc | None = None) -> list[Doc]:
        with translate_errors():
            return [row async for row in self.database[name].find(which, fields)]

    async def is_used(self, instrument: str, *, by: Doc) -> bool:
        """Returns whether a dataset with these fields uses the instrument."""
        which: Doc = {USED_INSTRUMENT: instrument, **by}
        with translate_errors():
            return await self.database["datasets"].find_one(which, {"_id": 1}) is not None

    async def store_techniques(self, found: Iterable[tuple[str, str]]) -> None:
        """Stores pairs of plain technique name and term, so that both can be searched."""
        updates = [
            UpdateOne(
                {"_id": f"{name}\n{term}"}, {"$set": {"name": name, "term": term}}, upsert=True
            )
            for name, term in sorted(set(found))
        ]
        if updates:
            with translate_errors():
                await write_unordered(self.database["techniques"], updates)

    async def counts(self) -> dict[str, int]:
        """Returns the number of records by collection."""
        with translate_errors():
            return {
                name: await self.database[name].estimated_document_count() for name in COLLECTIONS
            }

    async def count_dirty(self) -> int:
        """Returns the number of marks, up to MAX_COUNTED."""
        with translate_errors():
            return await self.database["dirty"].count_documents({}, limit=MAX_COUNTED)


def _history_rows(history: Sequence[Change]) -> list[Doc]:
    return [change.model_dump(mode="json") for change in history]


def _has_value(row: Doc, field: str, value: str) -> bool:
    """Whether the value of a field, or an item of it, is this one."""
    found: Any = row
    for name in field.split("."):
        found = cast("Doc", found).get(name) if isinstance(found, dict) else None
    return value in cast("list[Any]", found) if isinstance(found, list) else value == found
