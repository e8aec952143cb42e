"""Compares DOIs, publications and counts of files with those in ICAT, and writes them again."""

from collections.abc import Mapping
from typing import Any

from portal_ingest.dois.writeback import DoiWriteback, icat_ids
from portal_ingest.domain.publicity import last_public
from portal_ingest.domain.stored_record import StoredRecord
from portal_ingest.icat.adapter import Icat
from portal_ingest.icat.datasets import StoredDataset
from portal_ingest.icat.mapping import HAS_PART, PublicationEntry
from portal_ingest.icat.publications import StoredPublication
from portal_ingest.store.dois import PROBLEM, DoiStore
from portal_ingest.store.records import RecordStore

PAGE_RECORDS = 200
Relation = tuple[str, str]  # DataCite's name, identifier


class DoiAudit:
    def __init__(
        self, records: RecordStore, dois: DoiStore, icat: Icat, writeback: DoiWriteback
    ) -> None:
        self._records = records
        self._dois = dois
        self._icat = icat
        self._writeback = writeback

    async def page(self, after: str) -> dict[str, Any]:
        """Returns DOIs as ingest and as ICAT have them, in the order of the records' pids."""
        batch = await self._records.batch_after(after, PAGE_RECORDS)
        datasets = {s.pid: s.icat_id for s in batch if s.kind == "dataset" and s.icat_id}
        documents = [s for s in batch if s.kind == "document" and s.doi]
        in_icat = await self._icat.stored_datasets(list(datasets.values()))
        published = await self._icat.published([s.doi for s in documents if s.doi])
        rows = [
            await self._dataset_row(s, in_icat.get(datasets[s.pid]))
            for s in batch
            if s.pid in datasets
        ]
        for stored in documents:
            members = await self._writeback.members(stored)
            if icat_ids(members):
                entry = self._writeback.publication(stored, str(stored.doi), members)
                in_collection = {
                    m.icat_id: pid for pid, m in members.items() if m.icat_id is not None
                }
                rows.append(_document_row(stored, entry, in_collection, published.get(entry.doi)))
            elif stored.doi in published and last_public(stored) is None:
                row = {"pid": stored.pid, "doi": stored.doi, "icat": stored.doi}
                rows.append({**row, "is_public": False})
        problems = await self._dois.find([str(row["pid"]) for row in rows])
        for row in rows:
            problem = problems.get(str(row["pid"]), {}).get(PROBLEM)
            if problem:
                row["icat_problem"] = problem
        return {"records": rows, "next": batch[-1].pid if len(batch) == PAGE_RECORDS else None}

    async def _dataset_row(
        self, stored: StoredRecord, in_icat: StoredDataset | None
    ) -> dict[str, Any]:
        """Returns the DOI of a dataset, and the counts of its files if those in ICAT are wrong.

        Right are those of the record and, because of ICAT's triggers, of the files in ICAT.
        """
        row = {"pid": stored.pid, "doi": stored.doi, "icat": in_icat.doi if in_icat else None}
        counts = stored.file_counts()
        if in_icat is None or stored.icat_id is None or in_icat.counts == counts:
            return row
        if in_icat.counts == await self._icat.counted_files(stored.icat_id):
            return row
        return {**row, "files": counts, "icat_files": in_icat.counts}

    async def write_again(self, pids: list[str]) -> int:
        """Writes DOIs of these records and counts of their files to ICAT, whatever it has.

        Returns how many records it took.
        """
        found: list[StoredRecord] = [
            s for p in pids if (s := await self._records.find(p)) and (s.doi or s.icat_id)
        ]
        return sum([await self._writeback.write_again(record) for record in found])


def _document_row(
    stored: StoredRecord,
    entry: PublicationEntry,
    members: Mapping[int, str],
    published: StoredPublication | None,
) -> dict[str, Any]:
    """Returns the DOI of a document, the relations that ICAT has otherwise, and missing datasets.

    `members` are the pids of its datasets by ICAT id. Datasets that a facility adds to the
    collection are its own matter.
    """
    row = {"pid": stored.pid, "doi": entry.doi, "icat": entry.doi if published else None}
    if published is None:
        return row
    wanted = {(r.relation, r.identifier) for r in entry.related}
    missing = members.keys() - published.datasets
    return {
        **row,
        **_relation_fields("missing", wanted - published.relations),
        **_relation_fields("unknown", published.relations - wanted),
        "missing_datasets": sorted(members[one] for one in missing),
    }


def _relation_fields(kind: str, relations: set[Relation]) -> dict[str, list[str]]:
    """Returns the identifiers of parts, and other relations as `IsCitedBy 10.1234/abc`."""
    parts = sorted(identifier for relation, identifier in relations if relation == HAS_PART)
    others = sorted(" ".join(one) for one in relations if one[0] != HAS_PART)
    return {f"{kind}_parts": parts, f"{kind}_relations": others}
