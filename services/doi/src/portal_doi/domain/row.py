"""The registry's row: everything the portal knows about the identifier of one record."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias, TypedDict

from portal_shared.citation.datacite import Withdrawal
from portal_shared.contracts.records import Level

from portal_doi.domain.registration import State

Stage: TypeAlias = Literal["pending", "minted", "adopted", "failed", "none"]
Hold: TypeAlias = Literal["draft", "hidden"]  # set by an operator: reserved, or hidden
Links: TypeAlias = tuple[tuple[str, str], ...]  # relation and pid

NEW = -1  # version of a row that is not stored yet
RESERVED = 0  # version of a row whose DOI was reserved before its record came


@dataclass(frozen=True)
class Publication:
    """What the latest doi.minted event contained; the next one is sent only if this changes."""

    doi: str
    url: str
    adopted: bool
    state: State


@dataclass(frozen=True, kw_only=True)
class RelativeRow:
    """The part of a row that related records need."""

    pid: str
    level: Level = "dataset"
    # As it was public last, if it was; else as it was registered. Without `details`.
    record: Mapping[str, Any] = field(default_factory=dict[str, Any])
    links: Links = ()  # records of the portal that this one links to
    related_pids: tuple[str, ...] = ()  # the pids of `links`, each once
    state: Stage = "pending"
    doi: str | None = None  # the identifier that readers use: ours, or an adopted one
    our_state: State | None = None  # of our DOI at DataCite
    is_public: bool = False  # may the DOI be findable?
    never_public: bool = False  # the record was hidden in all versions: nothing may name its DOI


@dataclass(frozen=True, kw_only=True)
class RegistryRow(RelativeRow):
    """A row as it was when it was read."""

    version: int = NEW
    registered_at: datetime  # when the portal received the record for the first time
    changed_at: datetime  # when it received this version
    withdrawal: Withdrawal | None = None
    operator_hold: Hold | None = None
    url: str | None = None
    doi_state: State | None = None
    our_doi: str | None = None  # registered by us; stays with the record for good
    registered_hash: str | None = None  # of what we last sent to DataCite
    published: Publication | None = None
    revision: int = 0  # counts the published changes
    problem: str | None = None
    year: int
    correlation_id: str = ""  # these three: what the latest intent follows from
    job_id: str = ""
    traceparent: str = ""

    needs_work: bool = False
    next_attempt_at: datetime | None = None
    waiting_since: datetime | None = None  # None: it only waits for a date, such as an embargo's
    work_revision: int = 0  # counts the reasons to work on it, so that none is lost meanwhile
    lease_until: datetime | None = None
    lease_owner: str | None = None
    fence: int = 0  # counts the leases: only the holder of the latest may write
    datacite_unknown: bool = False  # a request to DataCite may have succeeded without our knowing
    unknown_before_lease: bool = False  # the value of `datacite_unknown` before the current lease
    failures: int = 0  # unexpected errors in a row
    unconfirmed_puts: int = 0  # requests in a row whose result was not confirmed

    relatives_pending: bool = False  # its relatives have to be updated (store/relations.py)
    relatives_token: str | None = None  # identifies the change that they have to be updated for
    former_relatives: tuple[str, ...] = ()  # pids it no longer links to, not updated yet

    created_at: datetime
    updated_at: datetime | None = None

    @property
    def was_public(self) -> bool:
        """Whether the record is public, or was once."""
        return self.version > RESERVED and not self.never_public

    def changed(self, changes: "RowChanges") -> "RegistryRow":
        """Return the row with these changes."""
        return replace(self, **changes)


class RowChanges(TypedDict, total=False):
    """New values of some fields of a row."""

    level: Level
    version: int
    record: Mapping[str, Any]
    links: Links
    related_pids: tuple[str, ...]
    registered_at: datetime
    changed_at: datetime
    withdrawal: Withdrawal | None
    operator_hold: Hold | None
    is_public: bool
    never_public: bool
    state: Stage
    doi: str | None
    url: str | None
    doi_state: State | None
    our_doi: str | None
    our_state: State | None
    registered_hash: str | None
    published: Publication | None
    revision: int
    problem: str | None
    needs_work: bool
    next_attempt_at: datetime | None
    waiting_since: datetime | None
    failures: int
    unconfirmed_puts: int


def new_row(pid: str, now: datetime) -> RegistryRow:
    """Return the row of a record that the registry does not have yet."""
    return RegistryRow(pid=pid, registered_at=now, changed_at=now, year=now.year, created_at=now)
