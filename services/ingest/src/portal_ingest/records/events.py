"""What is said of a record as it is kept: the event of its newest version. Pure."""

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
from portal_ingest.store.records import Stored


def event(stored: Stored) -> Event:
    """The whole state, with its history; of a withdrawn record the tombstone."""
    history = versioning.told(stored.history)
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
