"""Builds the event of a record's newest version."""

from typing import Any

from portal_shared.contracts.events import (
    DatasetRegistered,
    DatasetWithdrawn,
    DocumentRegistered,
    DocumentWithdrawn,
    Event,
    InstrumentRegistered,
)
from portal_shared.contracts.records import Change, Dataset, Document, Instrument

from portal_ingest.domain.publicity import last_public, public_history
from portal_ingest.domain.stored_record import RecordWrite, StoredRecord


def write_of(record: StoredRecord) -> RecordWrite:
    """Returns the write request for a record: the record with its event."""
    return RecordWrite(record, [record_event(record)])


def record_event(stored: StoredRecord) -> Event:
    """Returns the full state with its history; for a withdrawn record, the tombstone."""
    history = public_history(stored)
    if stored.withdrawn is not None:
        return _withdrawal_event(stored, history)
    if stored.kind == "document":
        document = Document.model_validate_json(stored.body)
        return DocumentRegistered(document=document, version=stored.version, history=history)
    if stored.kind == "dataset":
        dataset = Dataset.model_validate_json(stored.body)
        return DatasetRegistered(dataset=dataset, version=stored.version, history=history)
    return InstrumentRegistered(
        instrument=Instrument.model_validate_json(stored.body), version=stored.version
    )


def _withdrawal_event(
    stored: StoredRecord, history: tuple[Change, ...]
) -> DatasetWithdrawn | DocumentWithdrawn:
    assert stored.withdrawn is not None  # noqa: S101  # the caller checked it
    public = last_public(stored)
    fields: dict[str, Any] = {
        "pid": stored.pid,
        "version": stored.version,
        "reason": stored.withdrawn["reason"],
        "withdrawn_at": stored.withdrawn["at"],
        "title": public.title if public else "",
        "history": history if public else (),
        stored.kind: public,
    }
    return (DatasetWithdrawn if stored.kind == "dataset" else DocumentWithdrawn)(**fields)
