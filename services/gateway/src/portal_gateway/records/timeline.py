"""What happened to a record: scanned, published, registered, changed; oldest first."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, cast

from portal_shared.contracts.identifiers import doi_url, shown_doi
from portal_shared.contracts.records import utc_text
from portal_shared.runtime.mongo import Doc
from pydantic import BaseModel

from portal_gateway.catalogue import DOI
from portal_gateway.labels.fields import FieldTable
from portal_gateway.labels.words import apart, capital, join

Kind = Literal[
    "scanned", "published", "registered", "changed", "superseded", "released", "withdrawn", "doi",
    "imported",
]  # fmt: skip
_LABELS = {
    "registered": "Added to the portal",
    "changed": "Metadata changed",
    "superseded": "Replaced by a newer edition",
    "released": "Became public",
    "withdrawn": "Withdrawn",
}
_FIELDS = {"files": "files", "members": "people", "parameters": "metadata of the scan",
           "details": "further metadata", "icat_id": "number in ICAT"}  # fmt: skip


class TimelineEvent(BaseModel):
    """An event; without a date if it is not recorded when it happened."""

    kind: Kind
    label: str
    date: str | None = None  # a day, or an instant
    detail: str | None = None
    version: int | None = None
    fields: list[str] = []  # what changed, in words
    link: str | None = None


class Timeline(BaseModel):
    pid: str
    events: list[TimelineEvent]


def timeline(table: FieldTable, level: str, row: Doc) -> Timeline:
    events = [*_recorded(table, level, row), *_versions(row)]
    dated = sorted((e for e in events if e.date), key=lambda event: event.date or "")
    return Timeline(pid=row["_id"], events=[*dated, *(e for e in events if not e.date)])


def _recorded(table: FieldTable, level: str, row: Doc) -> Iterator[TimelineEvent]:
    """Yields the events that the record itself reports."""
    record: Mapping[str, Any] = row["record"]
    if level == "dataset":
        instrument: Mapping[str, str] = record.get("instrument") or {}
        where = f"{instrument['facility']}, {instrument['name']}" if instrument else None
        label = table.by_name["created"].label
        yield TimelineEvent(kind="scanned", label=label, date=record["created"][:10], detail=where)
    elif record.get("start_date"):
        last = (record.get("end_date") or record["start_date"])[:10]
        yield TimelineEvent(kind="scanned", label=table.by_name["created"].label,
                            date=record["start_date"][:10], detail=f"until {last}")  # fmt: skip
    if record.get("release_date"):
        yield TimelineEvent(kind="published", label="Published", date=record["release_date"][:10])
    details: Mapping[str, Any] = record.get("details") or {}
    source = details.get("source")
    if isinstance(source, dict):
        given = cast("dict[str, Any]", source)
        parts = [str(given[k]) for k in ("package", "version") if isinstance(given.get(k), str)]
        if parts:
            yield TimelineEvent(
                kind="imported", label="Imported", detail=f"From the package {' '.join(parts)}"
            )
    doi = shown_doi(row.get(DOI), record.get("doi"))
    if row.get(DOI) and doi:
        label = "DOI, registered elsewhere" if row.get("doi_adopted") else "DOI, registered here"
        yield TimelineEvent(kind="doi", label=label, detail=doi, link=doi_url(doi))


def _versions(row: Doc) -> Iterator[TimelineEvent]:
    for change in row.get("history") or ():
        changed = [_FIELDS.get(name, apart(name)) for name in change.get("fields") or ()]
        kind: Kind = change["kind"]
        yield TimelineEvent(
            kind=kind,
            label=_LABELS[kind],
            date=change["at"] if isinstance(change["at"], str) else utc_text(change["at"]),
            detail=capital(join(changed)) if changed and kind == "changed" else None,
            version=change["version"],
            fields=changed if kind == "changed" else [],
        )
