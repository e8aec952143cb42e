"""Indexes dirty records: builds their search documents and sends them to Meilisearch."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from portal_shared.contracts.identifiers import bare_doi
from portal_shared.contracts.records import Dataset, Document, Instrument, doi_level, pid_key
from portal_shared.runtime.errors import Invalid
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import Doc
from portal_shared.runtime.telemetry import tracing
from portal_shared.runtime.telemetry.origin import Origin
from portal_shared.runtime.worker import TaskWindow, in_shares
from portal_shared.search import index_fields, techniques

from portal_indexer import search_documents
from portal_indexer.catalogue import Catalogue, Marks
from portal_indexer.marks.claims import Claim, Claims
from portal_indexer.meilisearch import Meilisearch
from portal_indexer.metrics import BATCH_SECONDS, INDEXED

log = logger(__name__)

RecordT = TypeVar("RecordT", Dataset, Document)

BATCHES_AT_ONCE = 3  # of a collection: one in Meilisearch, one that waits for it, one being built
BATCHES_OF_STEP = 6  # the service ends between steps
DOCUMENT_BATCH_DIVISOR = 2  # batches of documents are smaller: all datasets of each are loaded
SETTLE_SECONDS = 1.0  # between looks at records that still change
MAX_REASON = 1000  # characters of an error that are stored
HIDDEN: Doc = {"json": None, "relations": None}  # the catalogue values of a record not public


@dataclass(frozen=True, slots=True)
class BuiltRecord:
    """A catalogue row with the values to store beside it and its search document, encoded.

    `search` is None for a record that belongs into no index.
    """

    row: Doc
    values: Doc
    search: bytes | None


class IndexWorker:
    def __init__(
        self, catalogue: Catalogue, claims: Claims, meilisearch: Meilisearch, batch: int
    ) -> None:
        self._catalogue = catalogue
        self._claims = claims
        self._meilisearch = meilisearch
        self.batch = batch
        self._building = {name: asyncio.Lock() for name in index_fields.INDEXES}
        self.indexed = 0
        self.refused = 0  # records that Meilisearch refused; they are not sent again

    async def step(self) -> bool:
        """Indexes some batches of each collection; returns whether there may be more.

        Side by side: one is built while Meilisearch works on another. A failure of one is raised
        when all have ended.
        """
        results = await asyncio.gather(
            *(self._index_marked(name) for name in index_fields.INDEXES), return_exceptions=True
        )
        more = False
        for result in results:
            if isinstance(result, BaseException):
                raise result
            more = result or more
        return more

    async def await_settled(self) -> bool:
        """Waits a moment if marked records were left, as those that still change; False if none."""
        if not await self._catalogue.count_dirty():
            return False
        await asyncio.sleep(SETTLE_SECONDS)
        return True

    async def _index_marked(self, name: str) -> bool:
        """Indexes dirty records of a collection in batches; returns whether there may be more.

        Meilisearch takes together what waits for it, which costs it less.
        """
        async with TaskWindow(BATCHES_AT_ONCE) as window:
            for _ in range(BATCHES_OF_STEP):
                await window.room()
                claim, marks = await self._claim(name)
                if not claim.pids:
                    return False
                await window.start(self._index_claimed(name, claim, marks))
                if len(claim.pids) < self.batch_size(name):
                    return False
        return True

    async def _claim(self, name: str) -> tuple[Claim, dict[str, Marks]]:
        """Claims a batch of dirty records; returns their marks, too."""
        taken = await self._claims.taken(name)
        marks = await self._catalogue.find_dirty(name, self.batch_size(name), besides=taken)
        return await self._claims.acquire(name, list(marks)), marks

    async def _index_claimed(self, name: str, claim: Claim, marks: Mapping[str, Marks]) -> None:
        """Indexes claimed records as they are after the claim.

        Another replica may have indexed some between the reading of their marks and the claim.
        """
        async with self._claims.extended(claim):
            dirty = await self._claims.dirty([i for pid in claim.pids for i in marks[pid].ids])
            left = {pid: marks[pid] for pid in claim.pids if pid in dirty}
            causes = {o.cause: o.traceparent for found in left.values() for o in found.origins}
            if left:
                with (
                    tracing.shared_span(f"index {name}", causes.values(), records=len(left)),
                    BATCH_SECONDS.labels(name).time(),
                ):
                    rows = await self._catalogue.load_marked(name, left)
                    await self.index(name, name, rows, claim=claim)

    def batch_size(self, name: str) -> int:
        if name == index_fields.DOCUMENTS:
            return max(1, self.batch // DOCUMENT_BATCH_DIVISOR)
        return self.batch

    async def index(
        self, name: str, index: str, rows: Sequence[Doc], *, claim: Claim | None = None
    ) -> None:
        """Sends rows of a collection to an index; removes their marks if it is the live index.

        Records whose claim was lost meanwhile are marked again: what was sent may be too old.
        """
        async with self._building[name]:  # what is related to a batch takes memory
            built = await self._build(name, rows)
        removed = [pid_key(one.row["_id"]) for one in built if one.search is None]
        await self._meilisearch.delete(index, removed)
        sent = [(one.row, one.search) for one in built if one.search is not None]
        refusals = await self._send(index, sent)
        if index == name:
            sent_pids = {one.row["_id"] for one in built}
            ours = sent_pids if claim is None else await self._claims.unexpired(claim)
            await self._catalogue.store_indexed(
                name,
                [
                    (one.row, {**one.values, "unfit": refusals.get(one.row["_id"])})
                    for one in built
                    if one.row["_id"] in ours
                ],
            )
            lost = sent_pids - ours
            await self._catalogue.mark(**{name: lost})
            INDEXED.labels(name, "postponed").inc(len(lost))
            self.indexed += len(rows)
            INDEXED.labels(name, "indexed").inc(len(sent) - len(refusals))
            INDEXED.labels(name, "removed").inc(len(removed))
            INDEXED.labels(name, "refused").inc(len(refusals))
            _log_indexed(index, built)

    async def _send(self, index: str, documents: Sequence[tuple[Doc, bytes]]) -> dict[str, str]:
        """Sends rows' search documents, in halves if Meilisearch refuses them together.

        Returns the reason of each refusal by pid.
        """
        try:
            await self._meilisearch.replace(index, [search for _, search in documents])
        except Invalid as error:
            if len(documents) == 1:
                row = documents[0][0]
                pid: str = row["_id"]
                log.exception("record refused", index=index, pid=pid, **_origins(row)[-1].ids)
                self.refused += 1
                return {pid: error.reason[:MAX_REASON]}
            middle = len(documents) // 2
            first = await self._send(index, documents[:middle])
            return first | await self._send(index, documents[middle:])
        return {}

    async def _build(self, name: str, rows: Sequence[Doc]) -> list[BuiltRecord]:
        if name == index_fields.DATASETS:
            return await self._build_datasets(rows)
        if name == index_fields.DOCUMENTS:
            return await self._build_documents(rows)
        return [_build_instrument(row, shown=await self._is_shown(row)) for row in rows]

    async def _is_shown(self, instrument: Doc) -> bool:
        """Whether an instrument is public: a public dataset uses it, or none uses it at all.

        An instrument that hidden datasets alone use would tell about them. A tombstone is public.
        Whether any dataset uses it is read first: a public one that is stored between the reads
        is then seen by the later ones, and a hidden one marks the instrument again.
        """
        pid: str = instrument["_id"]
        if not await self._catalogue.is_used(pid, by={}):
            return True
        for fields in ({"public": True}, {"withdrawn": {"$ne": None}, "record.is_public": True}):
            if await self._catalogue.is_used(pid, by=fields):
                return True
        return False

    async def _build_datasets(self, rows: Sequence[Doc]) -> list[BuiltRecord]:
        records = await _parse_public(rows, Dataset)
        replaced = await self._replaced(records.values())
        parents = [d.document for d in records.values() if d.document]
        listed = [*records, *_pending_editions(records.values(), replaced)]
        found = await self._find_related(index_fields.DOCUMENTS, parents, "record.datasets", listed)
        documents = list((await _parse_public(found, Document)).values())
        built: list[BuiltRecord] = []
        tags: list[tuple[str, str]] = []
        async for row in in_shares(rows):
            record = records.get(row["_id"])
            if record is None:
                built.append(BuiltRecord(row, HIDDEN, None))
                continue
            superseded = record.pid in replaced
            built.append(_build_dataset(row, record, documents, superseded=superseded))
            tags += [
                (techniques.normalize_label(t.name), techniques.term(t.pid, t.panet_id))
                for t in record.techniques
            ]
        await self._catalogue.store_techniques(tags)
        return built

    async def _build_documents(self, rows: Sequence[Doc]) -> list[BuiltRecord]:
        records = await _parse_public(rows, Document)
        listed = [pid for d in records.values() for pid in d.datasets]
        found = await self._find_related(
            index_fields.DATASETS, listed, "record.document", list(records)
        )
        known = await _parse_public(found, Dataset)
        pending = [pid for pid in dict.fromkeys(listed) if pid not in known]
        if pending:  # the editions before those that are not public yet
            which: Doc = {"record.superseded_by": {"$in": pending}}
            earlier = await self._catalogue.find(index_fields.DATASETS, which)
            known |= await _parse_public(earlier, Dataset)
        replaced = await self._replaced(known.values())
        datasets = [d for d in known.values() if d.pid not in replaced]
        built: list[BuiltRecord] = []
        async for row in in_shares(rows):
            record = records.get(row["_id"])
            if record is None:
                built.append(BuiltRecord(row, HIDDEN, None))
            else:
                built.append(_build_document(row, record, datasets))
        return built

    async def _replaced(self, datasets: Iterable[Dataset]) -> set[str]:
        """Returns the pids of the datasets that were superseded by an edition that is public.

        Until it is, the earlier edition is found in searches. A withdrawn edition was public.
        """
        editions = {d.pid: d.superseded_by for d in datasets if d.superseded_by}
        if not editions:
            return set()
        fields = {"public": 1, "withdrawn": 1, "record.is_public": 1}
        rows = await self._catalogue.find(
            index_fields.DATASETS, {"_id": {"$in": sorted(set(editions.values()))}}, fields
        )
        public = {row["_id"] for row in rows if row.get("public") or _is_tombstone(row)}
        return {pid for pid, edition in editions.items() if edition in public}

    async def _find_related(
        self, name: str, pids: Sequence[str], field: str, values: Sequence[str]
    ) -> list[Doc]:
        """Returns the rows with one of the pids, or with one of the values in the field.

        Two queries that each use a database index, instead of one that scans the collection.
        """
        found: dict[str, Doc] = {}
        for label, wanted in (("_id", pids), (field, values)):
            if wanted:
                rows = await self._catalogue.find(name, {label: {"$in": list(wanted)}})
                found |= {row["_id"]: row for row in rows}
        return list(found.values())


async def _parse_public(rows: Iterable[Doc], kind: type[RecordT]) -> dict[str, RecordT]:
    """Returns the public records of rows by pid."""
    return {
        row["_id"]: kind.model_validate(row["record"])
        async for row in in_shares(row for row in rows if _is_public(row))
    }


def _origins(row: Doc) -> tuple[Origin, ...]:
    """Returns what the marks of a row follow from; in a rebuild that is not known."""
    return row["marks"].origins if "marks" in row else (Origin(),)


def _log_indexed(index: str, built: Sequence[BuiltRecord]) -> None:
    """Writes an entry for each job, or other origin, whose records a batch had."""
    origins: dict[tuple[str, str], Origin] = {}
    records: Counter[tuple[str, str]] = Counter()
    removed: Counter[tuple[str, str]] = Counter()
    for one in built:
        for origin in _origins(one.row):
            origins.setdefault(origin.cause, origin)
            (removed if one.search is None else records)[origin.cause] += 1
    for cause, origin in origins.items():
        counts = {"records": records[cause], "removed": removed[cause]}
        log.info("indexed", index=index, **counts, **origin.ids)


def _pending_editions(datasets: Iterable[Dataset], replaced: Collection[str]) -> list[str]:
    """Returns the pids of the editions after these datasets that are not public yet."""
    return [d.superseded_by for d in datasets if d.superseded_by and d.pid not in replaced]


def _build_dataset(
    row: Doc, record: Dataset, documents: Sequence[Document], *, superseded: bool
) -> BuiltRecord:
    """Builds a public dataset; one that was superseded is found only by its pid and DOI."""
    names = {record.pid, record.superseded_by}
    above = [
        d
        for d in documents
        if not superseded and (d.pid == record.document or names.intersection(d.datasets))
    ]
    has_public_parent = any(d.pid == record.document for d in documents)
    search = search_documents.build_dataset(
        record if has_public_parent else record.model_copy(update={"document": None}),
        doi=row.get("doi"),
        availability=row.get("availability"),
        availability_detail=row.get("availability_detail"),
        documents=above,
    )
    values = {
        **search_documents.ready_answers(search),
        **_lookup_doi(row, record.doi),
        "documents": sorted(d.pid for d in above),
        "instrument": record.instrument.pid if record.instrument and not superseded else None,
    }
    return BuiltRecord(row, values, None if superseded else search_documents.encode(search))


def _build_document(row: Doc, record: Document, datasets: Sequence[Dataset]) -> BuiltRecord:
    """Builds a public document; the atlas has a landing page but is in no index."""
    listed = set(record.datasets)
    below = [
        d
        for d in datasets
        if d.pid in listed or d.superseded_by in listed or d.document == record.pid
    ]
    search = search_documents.build_document(record, doi=row.get("doi"), datasets=below)
    values = {
        **search_documents.ready_answers(search),
        **_lookup_doi(row, record.doi),
        "datasets": sorted(d.pid for d in below),
    }
    is_in_index = doi_level(record) == "document"
    return BuiltRecord(row, values, search_documents.encode(search) if is_in_index else None)


def _build_instrument(row: Doc, *, shown: bool) -> BuiltRecord:
    if not row.get("record"):
        return BuiltRecord(row, HIDDEN, None)
    if not shown:
        return BuiltRecord(row, {**HIDDEN, "public": False}, None)
    search = search_documents.build_instrument(Instrument.model_validate(row["record"]))
    values = {**search_documents.ready_answers(search), "public": True}
    return BuiltRecord(row, values, search_documents.encode(search))


def _is_public(row: Doc) -> bool:
    return bool(row.get("record")) and bool(row.get("public"))


def _is_tombstone(row: Doc) -> bool:
    return bool(row.get("withdrawn")) and bool(row.get("record", {}).get("is_public"))


def _lookup_doi(row: Doc, record_doi: str | None) -> dict[str, Any]:
    """Returns the DOI by which the gateway finds the row: the minted one, else the record's."""
    doi = row.get("doi") or record_doi
    return {"told_doi": bare_doi(doi) if doi else None}
