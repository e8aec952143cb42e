"""A record as ingest stores it, with its version history, and the write of its next version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from portal_shared.contracts.events import DatasetFilesListed, Event
from portal_shared.contracts.records import Dataset, Document

Kind = Literal["document", "dataset", "instrument"]


@dataclass(frozen=True)
class StoredRecord:
    """Registered if `version` is above 0; version 0 only reserves the pid for a running job."""

    pid: str
    kind: Kind
    version: int
    hash: str
    job_id: str
    body: str  # the record as JSON: always loaded whole, no query looks inside
    public_body: str | None = None  # its last public state, if it is not public now but was once
    icat_id: int | None = None
    doi: str | None = None  # as published by the doi service
    doi_origin: Mapping[str, str] = field(default_factory=dict[str, str])  # of the DOI's event
    brought_doi: str | None = None  # as given in the job
    document: str | None = None  # of a dataset
    datasets: tuple[str, ...] = ()  # of a document
    documents: tuple[str, ...] = ()  # of a document: its parts that are documents
    requested_public: bool = True  # visibility in the job, which an embargo may override
    release_at: datetime | None = None  # end of its embargo
    superseded_by: str | None = None  # its next edition, also if that is not public yet
    withdrawn: dict[str, Any] | None = None  # reason, title, at
    history: tuple[dict[str, Any], ...] = ()  # one versioning.history_entry per version

    def model(self) -> Dataset | Document | None:
        """Returns the parsed record, or None for an instrument."""
        if self.kind == "dataset":
            return Dataset.model_validate_json(self.body)
        if self.kind == "document":
            return Document.model_validate_json(self.body)
        return None

    def file_counts(self) -> tuple[int, int]:
        """Returns the number and the bytes of a dataset's files; (0, 0) for other records."""
        model = self.model()
        return (model.files.count, model.files.bytes) if isinstance(model, Dataset) else (0, 0)


@dataclass(frozen=True)
class EditionLink:
    """Points a record, at this version of it, to its next edition, which is not public yet."""

    pid: str
    version: int
    superseded_by: str


@dataclass(frozen=True)
class RecordWrite:
    """The next version of a record and the events to publish in the same transaction."""

    record: StoredRecord
    events: Sequence[Event]
    file_list: Sequence[DatasetFilesListed] = ()
