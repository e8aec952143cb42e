"""Loads a record to cite from the catalogue, with the DOIs of related records and its files."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from portal_shared import profile as profiles
from portal_shared.citation.datacite import Source, Withdrawal, landing_page, metadata
from portal_shared.citation.relations import (
    Related,
    incoming_relations,
    linked_pids,
    related_by_doi,
    stored_links,
)
from portal_shared.contracts.identifiers import shown_doi
from portal_shared.contracts.records import Dataset, Document, Level, row_doi_level
from portal_shared.runtime.mongo import Doc

from portal_gateway.catalogue import DOI, Catalogue
from portal_gateway.citation.cited_record import CitedRecord, Measured

MAX_FILES = 100  # in the distribution of schema.org
TAPE = ("ARCHIVED", "RESTORING")
UNIT_CODES = {"um": "4H", "mm": "MMT", "nm": "C45", "keV": "B29"}  # of UN/CEFACT, Rec. 20


class CitedRecordLoader:
    def __init__(self, catalogue: Catalogue, *, site_url: str) -> None:
        self._catalogue = catalogue
        self._site_url = site_url

    async def load(self, level: str, row: Doc, *, with_links: bool = True) -> CitedRecord:
        """Returns the record of a row of the catalogue.

        Without links, which citations do not have, it lacks related records and files, and nothing
        more is read from the database.
        """
        model = Dataset if level == "dataset" else Document
        record: Dataset | Document = model.model_validate(row["record"])
        related, files = await self._links(record, row) if with_links else ([], ())
        return self.cite(record, row, related=related, files=files)

    def cite(
        self,
        record: Dataset | Document,
        row: Doc,
        *,
        related: Sequence[Related] = (),
        files: tuple[Doc, ...] = (),
    ) -> CitedRecord:
        """Returns the record of a row with these related records and files."""
        kind = _level(record)
        moments = [datetime.fromisoformat(c["at"]) for c in row.get("history") or ()]
        source = Source(
            record,
            profiles.load(record.profile),
            registered=moments[0] if moments else row.get("packed_at"),
            updated=moments[-1] if moments else None,
            related=related,
            withdrawal=_withdrawal(row),
            adopted=bool(record.doi or row.get("doi_adopted")),
        )
        return CitedRecord(
            pid=record.pid,
            level=kind,
            doi=shown_doi(row.get(DOI), record.doi),
            url=landing_page(self._site_url, kind, record.pid),
            metadata=metadata(source),
            files=files,
            data_url=f"{self._site_url.rstrip('/')}/data/{record.pid}",
            measured=_measured(record),
            catalog=(profiles.load(record.profile).title, f"{self._site_url.rstrip('/')}/"),
            **_contents(record),
            on_tape=row.get("availability") in TAPE,
        )

    async def _links(
        self, record: Dataset | Document, row: Doc
    ) -> tuple[list[Related], tuple[Doc, ...]]:
        """Loads related records and files at the same time."""
        if row.get("withdrawn"):
            return await self._related(record, row.get(DOI)), ()
        return await asyncio.gather(self._related(record, row.get(DOI)), self._files(record))

    async def _files(self, record: Dataset | Document) -> tuple[Doc, ...]:
        if not isinstance(record, Dataset) or not record.folder:
            return ()
        return tuple(await self._catalogue.load_files_page({"pid": record.pid}, 0, MAX_FILES))

    async def _related(self, record: Dataset | Document, own: str | None) -> list[Related]:
        """Returns the same relations as the DOI's metadata: outgoing, then incoming."""
        links, pid = linked_pids(record), record.pid
        found, incoming = await asyncio.gather(
            self._catalogue.load_linked(other for _, other in links),
            self._catalogue.load_linking(pid, _level(record)),
        )
        linked = [(relation, found[other]) for relation, other in links if other in found]
        for other in sorted(incoming):
            row = incoming[other]
            linked += [
                (relation, row) for relation in incoming_relations(stored_links(row["record"]), pid)
            ]
        return related_by_doi(
            [(relation, row[DOI], row_doi_level(row)) for relation, row in linked],
            resource_types=profiles.load(record.profile).doi.resource_types,
            own_doi=own,
        )


def _contents(record: Dataset | Document) -> dict[str, Any]:
    """Returns bytes, number of files and instrument of a dataset."""
    if not isinstance(record, Dataset):
        return {}
    return {
        "bytes": (record.size if record.size is not None else record.files.bytes) or None,
        "file_count": record.files.count,
        "instrument": record.instrument.name if record.instrument else None,
    }


def _measured(record: Dataset | Document) -> tuple[Measured, ...]:
    """Returns the size of voxels and the energy, where the profile has a role for them."""
    if not isinstance(record, Dataset):
        return ()
    rules = profiles.load(record.profile)
    names = [name for name in (rules.site.roles.voxel, rules.site.roles.energy) if name]
    return tuple(
        Measured(rules.parameters[p.name].label, p.value, p.unit, UNIT_CODES.get(p.unit or ""))
        for name in names
        for p in record.parameters
        if p.name == name and not isinstance(p.value, str)
    )


def _level(record: Dataset | Document) -> Level:
    return "dataset" if isinstance(record, Dataset) else "document"


def _withdrawal(row: Mapping[str, Any]) -> Withdrawal | None:
    tombstone = row.get("withdrawn")
    if not tombstone:
        return None
    return Withdrawal(tombstone["reason"], datetime.fromisoformat(tombstone["withdrawn_at"]))
