"""The table of contents of the bus: every event, its key, and what it carries.

Past tense, noun.verb.version. Within a version only additions with defaults.
An event carries a record's whole state and its version: applied only when newer than what is there,
so that events may come twice, late, or in any order.
"""

from typing import ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from portal_shared.contracts.jobs import JobAnswer
from portal_shared.contracts.records import (
    Availability,
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
    """A tombstone: the record is public no more, its DOI stays and leads to the reason."""

    pid: str
    version: int  # of the record: newer than all that were registered
    reason: str
    withdrawn_at: AwareDatetime
    title: str = ""
    history: tuple[Change, ...] = ()


class DatasetWithdrawn(Withdrawn):
    key = "dataset.withdrawn.v1"


class DocumentWithdrawn(Withdrawn):
    key = "document.withdrawn.v1"


class DatasetFilesListed(Event):
    """One part of the list of files of a dataset at a version; parts are numbered from 0."""

    key = "dataset.files-listed.v1"

    pid: str
    version: int
    digest: str  # of the whole list: model.files_digest
    folder: str | None
    part: int
    parts: int
    files: tuple[File, ...]


class InstrumentRegistered(Event):
    key = "instrument.registered.v1"

    instrument: Instrument
    version: int


class JobFinished(Event):
    key = "ingest.job.finished.v1"

    answer: JobAnswer


class DoiMinted(Event):
    """A record has a DOI that resolves: minted by us, or adopted from the one it brought."""

    key = "doi.minted.v1"

    pid: str
    level: Level
    doi: str
    url: str
    adopted: bool
    state: Literal["draft", "registered", "findable"]
    version: int  # of the record it was made for
    revision: int = 0  # counts what was said of this record's DOI: the state changes as well


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


class DownloadRequested(Event):
    key = "download.requested.v1"

    request_id: str
    pid: str
    locations: tuple[str, ...] | None = None  # None: all files of the dataset
    requester: str = ""  # whose share it counts for: a name that tells nothing of the person
    priority: int = 0  # each step doubles the share


class DownloadCancelled(Event):
    """Its reader does not want it any more."""

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
    files_expired: int = 0  # of those that failed: they did not come before their deadline
    place: int | None = None  # in the queue, from 1; None once its files come
    seconds_left: float | None = None  # as far as that can be told
    waits_for: str | None = None  # why nothing comes meanwhile, in words for its reader


class DownloadReady(Event):
    """Every file asked for is on disk, verified."""

    key = "download.ready.v1"

    request_id: str
    version: int
    files: int
    bytes: int


class DownloadFailed(Event):
    """No more is being tried; some files may be online all the same."""

    key = "download.failed.v1"

    request_id: str
    version: int
    reason: str
    files: int
    files_online: int
    files_failed: int
    files_expired: int = 0  # of those: they did not come before their deadline


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
"""Who hears what: the queues of the bus are made from it (bus.declare)."""

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
"""Who says what: an outbox refuses an event that its service is not listed for."""
