"""Outcomes: the changes of a row and the events that follow, one function for each result.

An event is published only if its content differs from the one published before.
"""

from dataclasses import asdict, dataclass, field, replace

from portal_shared.contracts.events import (
    DatasetRegistered,
    DocumentRegistered,
    DoiFailed,
    DoiMinted,
    Event,
)
from portal_shared.contracts.identifiers import doi_url
from portal_shared.contracts.records import Dataset, Document

from portal_doi.domain.registration import Registration, State
from portal_doi.domain.row import RESERVED, Publication, RegistryRow, RowChanges


@dataclass(frozen=True)
class DeadLetter:
    """An event for the dead-letter queue, from where an operator can replay it."""

    event: DatasetRegistered | DocumentRegistered
    reason: str
    message_id: str


@dataclass(frozen=True)
class Outcome:
    changes: RowChanges = field(default_factory=RowChanges)
    events: tuple[Event, ...] = ()
    dead_letter: DeadLetter | None = None


def adopted(row: RegistryRow, doi: str, state: State) -> Outcome:
    """The record has a DOI that is not ours; it is recorded as it is."""
    publication = Publication(doi, doi_url(doi), adopted=True, state=state)
    return _published(row, publication, {"state": "adopted"})


def minted(row: RegistryRow, registration: Registration) -> Outcome:
    """DataCite has the desired registration."""
    publication = Publication(
        registration.doi, registration.url, adopted=False, state=registration.state
    )
    return _published(row, publication, {**_registered(registration), "state": "minted"})


def failed(row: RegistryRow, reason: str) -> Outcome:
    """The record cannot have a DOI as it is; a new version or a replayed letter tries again."""
    event = DoiFailed(pid=row.pid, level=row.level, version=row.version, reason=reason)
    changes: RowChanges = {"state": "failed", "problem": reason, "published": None}
    return Outcome(changes, (event,), _dead_letter(row, reason))


def reserved(row: RegistryRow, registration: Registration, reason: str) -> Outcome:
    """DataCite has a draft with the valid properties, until the record is complete."""
    failure = failed(row, reason)
    changes: RowChanges = {
        **_registered(registration),
        "doi_state": registration.state,
        **failure.changes,
    }
    return replace(failure, changes=changes)


def not_required() -> RowChanges:
    """The record has no DOI, and its profile requires none."""
    return {"state": "none", "doi": None, "url": None, "doi_state": None, "published": None}


def latest_event(row: RegistryRow) -> DoiMinted | None:
    """Return the event that was published last, to be published again; None if there was none."""
    return _minted_event(row, row.published, row.revision) if row.published else None


def _published(row: RegistryRow, publication: Publication, changes: RowChanges) -> Outcome:
    content: RowChanges = {
        **changes,
        "doi": publication.doi,
        "url": publication.url,
        "doi_state": publication.state,
        "problem": None,
    }
    if row.published == publication:
        return Outcome(content)
    revision = row.revision + 1
    event = _minted_event(row, publication, revision)
    return Outcome({**content, "published": publication, "revision": revision}, (event,))


def _minted_event(row: RegistryRow, publication: Publication, revision: int) -> DoiMinted:
    return DoiMinted(
        pid=row.pid,
        level=row.level,
        version=row.version,
        revision=revision,
        **asdict(publication),
    )


def _registered(registration: Registration) -> RowChanges:
    return {"our_state": registration.state, "registered_hash": registration.hash}


def _dead_letter(row: RegistryRow, reason: str) -> DeadLetter | None:
    """The event that brought the record, without the community's details: no DOI needs them."""
    if row.version == RESERVED:
        return None
    event = (
        DatasetRegistered(dataset=Dataset.model_validate(row.record), version=row.version)
        if row.level == "dataset"
        else DocumentRegistered(document=Document.model_validate(row.record), version=row.version)
    )
    return DeadLetter(event, reason, f"doi:{row.version}:{row.pid}")
