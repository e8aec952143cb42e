"""Builds the event of a record's newest version."""

from portal_shared.contracts.events import (
    DatasetRegistered,
    DatasetWithdrawn,
    DocumentRegistered,
    DocumentWithdrawn,
    Event,
    InstrumentRegistered,
)
from portal_shared.contracts.records import Dataset, Document, Instrument

from portal_ingest.domain import versioning
from portal_ingest.domain.stored_record import RecordWrite, StoredRecord


def write_of(record: StoredRecord) -> RecordWrite:
    """Returns the write request for a record: the record with its event."""
    return RecordWrite(record, [record_event(record)])


def record_event(stored: StoredRecord) -> Event:
    """Returns the full state with its history; for a withdrawn record, the tombstone."""
    history = versioning.public_changes(stored.history)
    if stored.withdrawn is not None:
        kind = DatasetWithdrawn if stored.kind == "dataset" else DocumentWithdrawn
        return kind(
            pid=stored.pid,
            version=stored.version,
            reason=stored.withdrawn["reason"],
            withdrawn_at=stored.withdrawn["at"],
            title=stored.withdrawn["title"],
            history=history,
        )
    if stored.kind == "document":
        document = Document.model_validate_json(stored.body)
        return DocumentRegistered(document=document, version=stored.version, history=history)
    if stored.kind == "dataset":
        dataset = Dataset.model_validate_json(stored.body)
        return DatasetRegistered(dataset=dataset, version=stored.version, history=history)
    return InstrumentRegistered(
        instrument=Instrument.model_validate_json(stored.body), version=stored.version
    )
