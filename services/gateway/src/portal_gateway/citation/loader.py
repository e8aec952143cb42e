"""From the catalogue to what is cited: a record, its relatives by their DOIs, its files."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from portal_shared import profile as profiles
from portal_shared.citation.datacite import Source, Withdrawal, landing_page, metadata
from portal_shared.citation.relations import COUNTERPARTS, Related, linked_pids
from portal_shared.contracts.records import Dataset, Document, DoiLevel
from portal_shared.runtime.mongo import Doc

from portal_gateway.catalogue import Catalogue
from portal_gateway.citation.cited_record import Cited

FILES_TOLD = 100  # in schema.org's distribution


class Records:
    def __init__(self, catalogue: Catalogue, *, site_url: str) -> None:
        self._catalogue = catalogue
        self._site_url = site_url

    async def cited(self, level: str, row: Doc) -> Cited:
        model = Dataset if level == "dataset" else Document
        record: Dataset | Document = model.model_validate(row["record"])
        kind = "dataset" if isinstance(record, Dataset) else "document"
        moments = [datetime.fromisoformat(c["at"]) for c in row.get("history") or ()]
        released = record.release_date.year if record.release_date else None
        source = Source(
            record,
            profiles.load(record.profile),
            registered=moments[0] if moments else row.get("packed_at"),
            updated=moments[-1] if moments else None,
            related=await self._related(record, row.get("told_doi")),
            withdrawal=_withdrawal(row),
        )
        told = metadata(source)
        ours = not (record.doi or row.get("doi_adopted"))
        return Cited(
            pid=record.pid,
            level=kind,
            doi=row.get("told_doi"),
            url=landing_page(self._site_url, kind, record.pid),
            metadata=told,
            # An adopted DOI was published elsewhere, in a year that the record may not tell.
            year=str(released or told["publicationYear"]) if ours or released else None,
            files=await self._files(record),
            data_url=f"{self._site_url.rstrip('/')}/data/{record.pid}",
        )

    async def _files(self, record: Dataset | Document) -> tuple[Doc, ...]:
        if not isinstance(record, Dataset) or not record.folder:
            return ()
        return tuple(await self._catalogue.files_page({"pid": record.pid}, 0, FILES_TOLD))

    async def _related(self, record: Dataset | Document, own: str | None) -> list[Related]:
        """As the DOI's own metadata tell them: those it names, then those that name it."""
        links, pid = linked_pids(record), record.pid
        found = await self._catalogue.dois({"_id": {"$in": [other for _, other in links]}})
        naming = await self._catalogue.dois(
            {
                "$or": [
                    {f"record.{name}": pid}
                    for name in (
                        "datasets", "documents", "relations.pid", "supersedes", "superseded_by",
                    )
                ]
            }
        )  # fmt: skip
        told = [(relation, found[other]) for relation, other in links if other in found]
        for other in sorted(naming):
            row = naming[other]
            told += [(COUNTERPARTS[r], row) for r in _names_it_as(row, pid) if r in COUNTERPARTS]
        types = profiles.load(record.profile).doi.resource_types
        return [
            Related(relation, row["told_doi"], types.get(_level(row), "Other"))
            for relation, row in told
            if row["told_doi"] != own
        ]


def _withdrawal(row: Mapping[str, Any]) -> Withdrawal | None:
    stone = row.get("withdrawn")
    if not stone:
        return None
    return Withdrawal(stone["reason"], datetime.fromisoformat(stone["withdrawn_at"]))


def _level(row: Mapping[str, Any]) -> DoiLevel:
    if row["level"] == "dataset":
        return "dataset"
    return "atlas" if str(row["record"].get("type")).strip().lower() == "atlas" else "document"


def _names_it_as(row: Mapping[str, Any], pid: str) -> list[str]:
    """By which relations a row names this record."""
    record: Mapping[str, Any] = row["record"]
    found = ["HasPart"] if pid in (record.get("datasets") or ()) else []
    found += ["HasPart"] if pid in (record.get("documents") or ()) else []
    found += ["IsNewVersionOf"] if record.get("supersedes") == pid else []
    found += ["IsPreviousVersionOf"] if record.get("superseded_by") == pid else []
    return found + [r["type"] for r in record.get("relations") or () if r["pid"] == pid]
