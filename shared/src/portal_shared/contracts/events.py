"""Every event of the bus: its key, its fields, who publishes and who consumes it.

Keys are noun.verb.version, in the past tense. Within a version, fields are only added, with
defaults. An event carries the whole state of a record and its version; consumers apply it only if
it is newer than theirs, so events may arrive twice, late or in any order.
"""

from typing import ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from portal_shared.contracts.jobs import JobAnswer
from portal_shared.contracts.records import (
    Availability,
    AvailabilityDetail,
    Change,
    Dataset,
    Document,
    File,
    Instrument,
    Level,
)


class Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    key: ClassVar[str]


class DocumentRegistered(Event):
    key = "document.registered.v1"

    document: Document
    version: int
    history: tuple[Change, ...] = ()  # of all versions up to this one


class DatasetRegistered(Event):
    key = "dataset.registered.v1"

    dataset: Dataset
    version: int
    history: tuple[Change, ...] = ()  # of all versions up to this one


class Withdrawn(Event):
    """A record was withdrawn: it is no longer public; its DOI stays and leads to the reason.

    Of a record that was never public, nothing may become public, not even the reason: title and
    history are empty, and there is no last public state.
    """

    pid: str
    version: int  # of the record; higher than all registered ones
    reason: str
    withdrawn_at: AwareDatetime
    title: str = ""  # the last public one
    history: tuple[Change, ...] = ()  # of the versions that were public


class DatasetWithdrawn(Withdrawn):
    key = "dataset.withdrawn.v1"

    dataset: Dataset | None = None  # its last public state; None if it was never public

    @property
    def last_public(self) -> Dataset | None:
        return self.dataset


class DocumentWithdrawn(Withdrawn):
    key = "document.withdrawn.v1"

    document: Document | None = None  # its last public state; None if it was never public

    @property
    def last_public(self) -> Document | None:
        return self.document


class DatasetFilesListed(Event):
    """One part of the file list of a dataset version; parts are numbered from 0."""

    key = "dataset.files-listed.v1"

    pid: str
    version: int
    digest: str  # of the whole list; see records.files_digest
    folder: str | None
    part: int
    parts: int
    files: tuple[File, ...]
    profile: str | None = None  # of the dataset; says which files stay online


class InstrumentRegistered(Event):
    key = "instrument.registered.v1"

    instrument: Instrument
    version: int


class JobFinished(Event):
    key = "ingest.job.finished.v1"

    answer: JobAnswer


class DoiMinted(Event):
    """A record has a DOI: registered by the portal, or adopted from the record."""

    key = "doi.minted.v1"

    pid: str
    level: Level
    doi: str
    url: str
    adopted: bool
    state: Literal["draft", "registered", "findable"]
    version: int  # of the record it was made for
    revision: int = 0  # counts the events of this record's DOI; its state changes as well


class DoiFailed(Event):
    key = "doi.failed.v1"

    pid: str
    level: Level
    version: int
    reason: str


class DatasetAvailability(Event):
    key = "dataset.availability.v1"

    pid: str
    availability: Availability
    files: int
    files_online: int
    version: int  # grows with every change of the availability, not of the record
    detail: AvailabilityDetail | None = None


class DownloadRequested(Event):
    key = "download.requested.v1"

    request_id: str
    pid: str
    locations: tuple[str, ...] | None = None  # None: all files of the dataset
    requester: str = ""  # pseudonym of the requester, for fair shares
    priority: int = 0  # each step doubles the share


class DownloadCancelled(Event):
    """The requester cancelled a download request."""

    key = "download.cancelled.v1"

    request_id: str


class DownloadProgressed(Event):
    key = "download.progressed.v1"

    request_id: str
    version: int  # grows with every change of the request
    state: Literal["ARCHIVED", "RESTORING", "ONLINE", "FAILED"]
    files: int
    files_online: int
    files_failed: int
    bytes: int
    bytes_online: int
    files_expired: int = 0  # of the failed files: not staged before the deadline
    place: int | None = None  # in the queue, from 1; None once files arrive
    seconds_left: float | None = None  # an estimate, if there is one
    waits_for: str | None = None  # why staging is blocked, in words for the requester


class DownloadReady(Event):
    """Every requested file is on disk and verified."""

    key = "download.ready.v1"

    request_id: str
    version: int
    files: int
    bytes: int


class DownloadFailed(Event):
    """A download request ended without all files; some may be online."""

    key = "download.failed.v1"

    request_id: str
    version: int
    reason: str
    files: int
    files_online: int
    files_failed: int
    files_expired: int = 0  # of the failed files: not staged before the deadline


EVENTS: tuple[type[Event], ...] = (
    DocumentRegistered,
    DatasetRegistered,
    DatasetFilesListed,
    DatasetWithdrawn,
    DocumentWithdrawn,
    InstrumentRegistered,
    JobFinished,
    DoiMinted,
    DoiFailed,
    DatasetAvailability,
    DownloadRequested,
    DownloadCancelled,
    DownloadProgressed,
    DownloadReady,
    DownloadFailed,
)

FILES_PER_PART = 300  # some 50 kB

SUBSCRIPTIONS: dict[str, tuple[type[Event], ...]] = {
    "ingest": (DoiMinted, DoiFailed),
    "doi": (DocumentRegistered, DatasetRegistered, DatasetWithdrawn, DocumentWithdrawn),
    "indexer": (
        DocumentRegistered,
        DatasetRegistered,
        DatasetFilesListed,
        DatasetWithdrawn,
        DocumentWithdrawn,
        InstrumentRegistered,
        JobFinished,
        DoiMinted,
        DatasetAvailability,
    ),
    "downloader": (
        DatasetRegistered,
        DatasetFilesListed,
        DatasetWithdrawn,
        DownloadRequested,
        DownloadCancelled,
    ),
    "gateway": (DownloadProgressed, DownloadReady, DownloadFailed),
}
"""The events each service consumes; topology.declare creates the queues from it."""

PRODUCED: dict[str, tuple[type[Event], ...]] = {
    "ingest": (
        DocumentRegistered,
        DatasetRegistered,
        DatasetFilesListed,
        DatasetWithdrawn,
        DocumentWithdrawn,
        InstrumentRegistered,
        JobFinished,
    ),
    "doi": (DoiMinted, DoiFailed),
    "indexer": (),
    "downloader": (DatasetAvailability, DownloadProgressed, DownloadReady, DownloadFailed),
    "gateway": (DownloadRequested, DownloadCancelled),
}
"""The events each service publishes; its outbox refuses all others."""
