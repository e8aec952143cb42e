"""The states of a file, the state of a set of files, and the retry policy of recalls.

archived -> queued -> submitted -> staging -> staged -> online. `queued` files wait for a batch,
`submitted` and `staging` files are being recalled by the archive, `staged` files are on the
archive's disk and pinned, `online` files are verified in the cache. A file that is evicted or
cancelled is `archived` again. A failed recall returns to `queued` while attempts are left; a file
that did not arrive before its deadline is `expired`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from portal_shared.contracts.records import Availability, AvailabilityDetail

State = Literal[
    "archived",
    "queued",
    "submitted",
    "staging",
    "staged",
    "online",
    "failed",  # until it is requested again
    "expired",  # the deadline has passed; until it is requested again
    "lost",  # reported by the archive; until it is requested again
    "unverifiable",  # without checksum, size or folder; never served
]
RequestState = Literal["ARCHIVED", "RESTORING", "ONLINE", "FAILED"]

REQUESTABLE: tuple[State, ...] = ("archived", "failed", "expired", "lost")
AT_ARCHIVE: tuple[State, ...] = ("submitted", "staging")
IN_FLIGHT: tuple[State, ...] = (*AT_ARCHIVE, "staged")  # counted against max_in_flight
PENDING: tuple[State, ...] = ("queued", *IN_FLIGHT)
BROKEN: tuple[State, ...] = ("failed", "expired", "lost", "unverifiable")

NOT_ONLINE: tuple[State, ...] = ("archived", *PENDING, *BROKEN)

TRANSITIONS: Mapping[State, frozenset[State]] = {
    "archived": frozenset({"queued", "staged", "online"}),
    "queued": frozenset({"archived", "submitted", "staged", "online", "failed", "expired", "lost"}),
    "submitted": frozenset(
        {"archived", "queued", "staging", "staged", "failed", "expired", "lost"}
    ),
    "staging": frozenset({"archived", "queued", "staged", "failed", "expired", "lost"}),
    "staged": frozenset({"archived", "staged", "queued", "online", "failed", "expired"}),
    "online": frozenset({"archived"}),
    "failed": frozenset({"queued", "staged", "online"}),
    "expired": frozenset({"queued", "staged", "online"}),
    "lost": frozenset({"queued", "staged", "online"}),
    "unverifiable": frozenset(),
}
"""The states that may follow each state."""


_AVAILABILITY: Mapping[str, Availability] = {
    "online": "ONLINE",
    "archived": "ARCHIVED",
    "failed": "ARCHIVED",
    "expired": "ARCHIVED",
    "lost": "LOST",
    "unverifiable": "UNAVAILABLE",
}


def recall_outcome(state: str) -> str | None:
    """Returns how the last recall of an archived file ended: "failed", "expired" or None."""
    return state if state in ("failed", "expired") else None


def file_availability(state: str) -> Availability:
    """Returns the public availability of a file in this state."""
    return _AVAILABILITY.get(state, "RESTORING")


@dataclass(frozen=True)
class Tally:
    """The number of files and bytes in each state."""

    files: Mapping[str, int]
    sizes: Mapping[str, int]

    def count(self, *states: State) -> int:
        return sum(self.files.get(s, 0) for s in states)

    @property
    def all_files(self) -> int:
        return sum(self.files.values())

    @property
    def all_bytes(self) -> int:
        return sum(self.sizes.values())

    @property
    def bytes_online(self) -> int:
        return self.sizes.get("online", 0)


def dataset_availability(tally: Tally, *, pending: bool = False) -> Availability:
    """Returns the availability of a dataset, which is that of its worst file.

    `pending` is whether some archived files are requested but not queued yet.
    """
    if not tally.all_files or tally.count("unverifiable"):
        return "UNAVAILABLE"
    if tally.count("online") == tally.all_files:
        return "ONLINE"
    if tally.count(*PENDING) or (pending and tally.count("archived")):
        return "RESTORING"
    return "LOST" if tally.count("lost") else "ARCHIVED"


def availability_detail(availability: Availability, tally: Tally) -> AvailabilityDetail:
    """Returns the availability with PARTLY_ONLINE for an archived dataset with files online."""
    if availability == "ARCHIVED" and tally.count("online"):
        return "PARTLY_ONLINE"
    return availability


def request_state(tally: Tally, *, unfinished: bool = False) -> RequestState:
    """Returns the state of a request: ONLINE when all files are online, FAILED when none is
    retried.

    `unfinished` is whether some files are still to be queued; earlier failures may be among them.
    """
    if tally.all_files and tally.count("online") == tally.all_files:
        return "ONLINE"
    if tally.count("online", *BROKEN) == tally.all_files and not unfinished:
        return "FAILED"
    return "RESTORING" if tally.count(*AT_ARCHIVE, "staged", "online") else "ARCHIVED"


@dataclass(frozen=True)
class RetryDecision:
    """The next state of a file whose recall failed."""

    state: State
    reason: str
    attempt: int  # attempts made so far
    pause: float = 0  # seconds before the next attempt


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how soon a failed recall is repeated."""

    max_attempts: int
    retry_seconds: float
    outage_seconds: float  # before the next attempt for a file that is only unavailable


def decide_retry(reason: str, *, attempt: int, locality: str, policy: RetryPolicy) -> RetryDecision:
    """Decides what happens after a failed recall.

    `locality` is where the archive now reports the file, "missing" if it reports nothing.
    """
    if locality == "LOST":
        return RetryDecision("lost", f"lost: {reason}", attempt + 1)
    if locality == "missing":  # perhaps the archive could not look it up: retried like others
        reason = f"the archive finds no such file: {reason}"
    if locality == "UNAVAILABLE":  # not counted as an attempt; the deadline limits it
        return RetryDecision("queued", reason, attempt, policy.outage_seconds)
    if attempt + 1 >= policy.max_attempts:
        return RetryDecision("failed", f"{reason} (after {attempt + 1} attempts)", attempt + 1)
    return RetryDecision("queued", reason, attempt + 1, policy.retry_seconds * 2**attempt)
