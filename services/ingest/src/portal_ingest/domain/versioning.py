"""Rules of record versions: the next version, its changes, embargoes and dataset editions."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, Literal, cast

from portal_shared.contracts.identifiers import bare_doi
from portal_shared.contracts.records import Dataset, Document
from pydantic import BaseModel

from portal_ingest.domain.mapping import content_hash
from portal_ingest.domain.publicity import public_body
from portal_ingest.domain.stored_record import Kind, StoredRecord

MAX_VALUE_CHARACTERS = 200  # of an old or new value in the history
ChangeKind = Literal["registered", "changed", "superseded", "released", "withdrawn"]
_LISTS_BY_NAME = ("parameters",)
_INTERNAL_FIELDS = {"files.digest", "document"}


def next_version(
    old: StoredRecord | None,
    kind: Kind,
    pid: str,
    record: BaseModel,
    *,
    job_id: str,
    sender: str | None,
    why: ChangeKind | None = None,
    **fields: Any,
) -> StoredRecord:
    """Returns the next version of a record, made by a job.

    `why`: the kind of change, if it is not a plain registration or change. `fields` replace those
    that are otherwise copied from the old version.
    """
    before = old.model() if old and old.version else None
    entry = history_entry(
        (old.version if old else 0) + 1,
        why or ("changed" if before else "registered"),
        job_id=job_id,
        sender=sender,
        changed=changes(before, record) if before else None,
    )
    copied: dict[str, Any] = {
        "icat_id": old.icat_id if old else None,
        "doi": old.doi if old else None,
        "withdrawn": old.withdrawn if old else None,
        "requested_public": old.requested_public if old else True,
        "release_at": old.release_at if old else None,
        "superseded_by": old.superseded_by if old else None,
        **fields,
    }
    return StoredRecord(
        pid=pid,
        kind=kind,
        version=entry["version"],
        hash=content_hash(record),
        job_id=job_id,
        body=record.model_dump_json(),
        public_body=public_body(old, record),
        brought_doi=_brought_doi(record),
        document=getattr(record, "document", None),
        datasets=getattr(record, "datasets", ()),
        documents=getattr(record, "documents", ()),
        history=(*(old.history if old else ()), entry),
        **copied,
    )


def _brought_doi(record: BaseModel) -> str | None:
    """Returns the DOI of a record as DOIs are compared."""
    doi = record.doi if isinstance(record, Dataset | Document) else None
    return bare_doi(doi) if doi else None


def append_change(
    stored: StoredRecord, record: BaseModel, kind: ChangeKind, **fields: Any
) -> StoredRecord:
    """Returns the next version of a record that changed without a job."""
    version = stored.version + 1
    changed = changes(stored.model(), record)
    entry = history_entry(version, kind, job_id=None, sender=None, changed=changed)
    return replace(
        stored,
        version=version,
        hash=content_hash(record),
        body=record.model_dump_json(),
        public_body=public_body(stored, record),
        datasets=getattr(record, "datasets", stored.datasets),
        history=(*stored.history, entry),
        **fields,
    )


def embargoed(release_date: datetime | None, now: datetime) -> bool:
    """Returns whether the release date is still ahead."""
    return release_date is not None and release_date > now


def changes(old: BaseModel | None, new: BaseModel) -> dict[str, list[str | None]]:
    """Returns [old, new] by field, both shortened; parameters and details by their names."""
    before = _flat(old.model_dump(mode="json")) if old else {}
    after = _flat(new.model_dump(mode="json"))
    return {
        name: [before.get(name), after.get(name)]
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name) and name not in _INTERNAL_FIELDS
    }


def _flat(record: dict[str, Any]) -> dict[str, str | None]:
    flat: dict[str, str | None] = {}
    for name, value in record.items():
        if name in _LISTS_BY_NAME:
            for item in cast("list[dict[str, Any]]", value):
                shown = f"{item['value']} {item.get('unit') or ''}".strip()
                label = f"{name}.{item['name']}"
                flat[label] = f"{flat[label]}; {shown}" if label in flat else shown
        elif isinstance(value, dict):
            for inner, item in cast("dict[str, Any]", value).items():
                flat[f"{name}.{inner}"] = _shorten(item)
        else:
            flat[name] = _shorten(value)
    return flat


def _shorten(value: Any) -> str | None:
    if value is None or value in ([], {}):
        return None
    text = value if isinstance(value, str) else repr(value)
    if len(text) <= MAX_VALUE_CHARACTERS:
        return text
    return text[: MAX_VALUE_CHARACTERS - 1] + "…"


def history_entry(
    version: int,
    kind: ChangeKind,
    *,
    job_id: str | None,
    sender: str | None,
    changed: dict[str, list[str | None]] | None = None,
) -> dict[str, Any]:
    """Returns the history entry of a version: who, when, by which job, old and new values."""
    return {
        "version": version,
        "at": datetime.now(UTC),
        "kind": kind,
        "job_id": job_id,
        "sender": sender,
        "changes": [[name, *both] for name, both in (changed or {}).items()],
    }


def next_editions(old: Dataset) -> Iterator[tuple[str, int]]:
    """Yields pid and edition number for the dataset that supersedes this one, and further ones."""
    base = old.pid.removesuffix(f".v{old.edition}") if old.edition > 1 else old.pid
    for edition in count(old.edition + 1):
        yield f"{base}.v{edition}", edition


def supersedes(old: Dataset, new: Dataset) -> bool:
    """Returns whether the archived files differ, so that the new dataset needs its own pid and DOI.

    The old one stays as it was cited.
    """
    archived = bool(old.folder and new.folder)
    return archived and bool(old.files.count) and old.files.digest != new.files.digest


def with_member(document: Document, old: str, new: str) -> Document:
    """Returns the document with a dataset replaced by the one that supersedes it."""
    members = tuple(dict.fromkeys(new if pid == old else pid for pid in document.datasets))
    return document.model_copy(update={"datasets": members})
