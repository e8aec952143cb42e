"""What is or was public of a record: its last public state, and its public history. No I/O.

A record that was never public leaves no public trace. One that was public keeps what was public,
also when it changes while it is hidden, and when it is withdrawn.
"""

from collections.abc import Sequence
from typing import Any

from portal_shared.contracts.records import Change, Dataset, Document
from pydantic import BaseModel

from portal_ingest.domain.stored_record import StoredRecord

MAX_PUBLIC_VERSIONS = 100  # in an event; the database stores all
_VISIBILITY = {"is_public", "release_date"}  # fields that hide or show a record


def last_public(stored: StoredRecord) -> Dataset | Document | None:
    """Returns the record as it was public last; None if it never was, and for an instrument."""
    if not stored.version:
        return None
    record = stored.model()
    if record is None or record.is_public:
        return record
    if stored.public_body is not None:
        return type(record).model_validate_json(stored.public_body)
    return _unchanged_since_public(record, stored.history)


def public_body(before: StoredRecord | None, record: BaseModel) -> str | None:
    """Returns what the next version has to store as the last public state; see StoredRecord."""
    if before is None or getattr(record, "is_public", True):
        return None
    public = last_public(before)
    return public.model_dump_json() if public is not None else None


def public_history(stored: StoredRecord) -> tuple[Change, ...]:
    """Returns the public part of the history: without values, which may be retracted, and senders.

    Of versions that were not public, the names of changed fields are left out; of a withdrawn
    record, these versions are left out altogether.
    """
    public = _public_versions(stored)
    withdrawn = stored.withdrawn is not None
    if withdrawn and not public:
        return ()
    rows = [
        row
        for row in stored.history
        if not withdrawn or row["version"] in public or row["kind"] == "withdrawn"
    ]
    return tuple(
        _change(row, with_fields=row["version"] in public) for row in rows[-MAX_PUBLIC_VERSIONS:]
    )


def _change(row: dict[str, Any], *, with_fields: bool) -> Change:
    fields = (
        tuple(name for name, _, _ in row["changes"]) if with_fields and row["version"] > 1 else ()
    )
    return Change(
        version=row["version"], at=row["at"], kind=row["kind"], job_id=row["job_id"], fields=fields
    )


def _public_versions(stored: StoredRecord) -> set[int]:
    """Returns the versions at which the record was public, by the changes of `is_public`."""
    record = stored.model()
    public, found = record is None or record.is_public, set[int]()
    for row in reversed(stored.history):
        if public:
            found.add(row["version"])
        for name, before, _ in row["changes"]:
            if name == "is_public":
                public = before == str(True)
    return found


def _unchanged_since_public(
    record: Dataset | Document, history: Sequence[dict[str, Any]]
) -> Dataset | Document | None:
    """Returns the last public state of a record that was stored before `public_body` was.

    It is known if nothing but the visibility changed since then.
    """
    for row in reversed(history):
        changes = {name: before for name, before, _ in row["changes"]}
        if not changes.keys() <= _VISIBILITY:
            return None
        if changes.get("is_public") == str(True):
            return record.model_copy(update={"is_public": True})
    return None
