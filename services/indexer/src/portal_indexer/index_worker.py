"""Brings the indexes up to the catalogue: what is dirty is packed, sent, and marked clean."""

from collections.abc import Sequence
from typing import Any

from portal_shared.contracts.identifiers import bare_doi
from portal_shared.contracts.records import Dataset, Document, Instrument, doi_level, pid_key
from portal_shared.runtime.errors import Invalid
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import Doc
from portal_shared.search import index_fields, techniques

from portal_indexer import search_documents
from portal_indexer.catalogue import Catalogue
from portal_indexer.meilisearch import Engine

log = logger(__name__)

NOT_PACKED: Doc = {"json": 0, "relations": 0, "record.details": 0, "record.members": 0}
FEWER_DOCUMENTS = 4  # a document is packed with all its datasets


class Indexing:
    def __init__(self, catalogue: Catalogue, engine: Engine, batch: int) -> None:
        self._catalogue = catalogue
        self._engine = engine
        self.batch = batch
        self.indexed = 0
        self.refused = 0  # by the engine, for good

    async def step(self) -> bool:
        """One batch of each kind; whether there may be more."""
        more = False
        for name in (index_fields.INSTRUMENTS, index_fields.DATASETS, index_fields.DOCUMENTS):
            rows = await self._catalogue.dirty(name, self.most(name))
            if rows:
                await self.index(name, name, rows)
                more = more or len(rows) >= self.most(name)
        return more

    def most(self, name: str) -> int:
        few = max(1, self.batch // FEWER_DOCUMENTS)
        return few if name == index_fields.DOCUMENTS else self.batch

    async def index(self, name: str, index: str, rows: Sequence[Doc]) -> None:
        """Send rows of a collection to an index, and mark them clean if it is the live one."""
        packed = await self.packed(name, rows)
        gone = [pid_key(row["_id"]) for row, _, search in packed if search is None]
        await self._engine.delete(index, gone)
        sent = [(row, search) for row, _, search in packed if search is not None]
        unfit = await self._put(index, sent)
        if index == name:
            await self._catalogue.clean(
                name,
                [(row, {**found, "unfit": unfit.get(row["_id"])}) for row, found, _ in packed],
            )
            self.indexed += len(rows)
            log.info("indexed", index=index, records=len(sent), removed=len(gone))

    async def _put(self, index: str, sent: Sequence[tuple[Doc, Doc]]) -> dict[str, str]:
        """All at once; one by one when the engine refuses something in it."""
        try:
            await self._engine.put(index, [search for _, search in sent])
        except Invalid as error:
            if len(sent) == 1:
                pid: str = sent[0][0]["_id"]
                log.exception("the engine refuses a record", index=index, pid=pid)
                self.refused += 1
                return {pid: error.reason[:1000]}
            refused: dict[str, str] = {}
            for one in sent:
                refused |= await self._put(index, [one])
            return refused
        return {}

    async def packed(self, name: str, rows: Sequence[Doc]) -> list[tuple[Doc, Doc, Doc | None]]:
        """Each row with what to keep beside it and its search document (None: not public)."""
        if name == index_fields.DATASETS:
            return await self._datasets(rows)
        if name == index_fields.DOCUMENTS:
            return await self._documents(rows)
        return [(row, *_instrument(row)) for row in rows]

    async def _datasets(self, rows: Sequence[Doc]) -> list[tuple[Doc, Doc, Doc | None]]:
        records = {r["_id"]: Dataset.model_validate(r["record"]) for r in rows if _public(r)}
        named = [d.document for d in records.values() if d.document]
        found = await self._either(index_fields.DOCUMENTS, named, "record.datasets", list(records))
        documents = [Document.model_validate(r["record"]) for r in found if _public(r)]
        answer: list[tuple[Doc, Doc, Doc | None]] = []
        tags: list[tuple[str, str]] = []
        for row in rows:
            record = records.get(row["_id"])
            if record is None:
                answer.append((row, _hidden(), None))
                continue
            old = record.superseded_by is not None  # found by its pid and DOI alone
            above = [
                d
                for d in documents
                if not old and (d.pid == record.document or record.pid in d.datasets)
            ]
            named_publicly = any(d.pid == record.document for d in documents)
            search = search_documents.dataset(
                record if named_publicly else record.model_copy(update={"document": None}),
                doi=row.get("doi"),
                availability=row.get("availability"),
                documents=above,
            )
            kept = {
                **search_documents.answers(search),
                **_doi(row, record.doi),
                "documents": sorted(d.pid for d in above),
                "instrument": record.instrument.pid if record.instrument and not old else None,
            }
            tags += [
                (techniques.normalize_label(t.name), techniques.term(t.pid, t.panet_id))
                for t in record.techniques
            ]
            answer.append((row, kept, None if old else search))
        await self._catalogue.note_techniques(tags)
        return answer

    async def _either(
        self, name: str, pids: Sequence[str], field: str, values: Sequence[str]
    ) -> list[Doc]:
        """Rows with one of these pids or values: two look-ups by index, not one scan."""
        wanted = (("_id", pids), (field, values))
        found: dict[str, Doc] = {}
        for label, sought in wanted:
            if sought:
                rows = await self._catalogue.find(name, {label: {"$in": list(sought)}})
                found |= {row["_id"]: row for row in rows}
        return list(found.values())

    async def _documents(self, rows: Sequence[Doc]) -> list[tuple[Doc, Doc, Doc | None]]:
        records = {r["_id"]: Document.model_validate(r["record"]) for r in rows if _public(r)}
        named = [pid for d in records.values() for pid in d.datasets]
        found = await self._either(index_fields.DATASETS, named, "record.document", list(records))
        known = (Dataset.model_validate(r["record"]) for r in found if _public(r))
        datasets = [d for d in known if d.superseded_by is None]
        answer: list[tuple[Doc, Doc, Doc | None]] = []
        for row in rows:
            record = records.get(row["_id"])
            if record is None:
                answer.append((row, _hidden(), None))
                continue
            listed = set(record.datasets)
            below = [d for d in datasets if d.pid in listed or d.document == record.pid]
            search = search_documents.document(record, doi=row.get("doi"), datasets=below)
            kept = {
                **search_documents.answers(search),
                **_doi(row, record.doi),
                "datasets": sorted(d.pid for d in below),
            }
            # The search API knows publications and proposals: the atlas has its own page alone.
            in_search = doi_level(record) == "document"
            answer.append((row, kept, search if in_search else None))
        return answer


def _public(row: Doc) -> bool:
    return bool(row.get("record")) and bool(row.get("public"))


def _hidden() -> Doc:
    return {"json": None, "relations": None}


def _instrument(row: Doc) -> tuple[Doc, Doc | None]:
    if not _public(row):
        return _hidden(), None
    search = search_documents.instrument(Instrument.model_validate(row["record"]))
    return dict(search_documents.answers(search)), search


def _doi(row: Doc, brought: str | None) -> dict[str, Any]:
    """The DOI to look it up by: the minted one, else the one it brought."""
    doi = row.get("doi") or brought
    return {"told_doi": bare_doi(doi) if doi else None}
