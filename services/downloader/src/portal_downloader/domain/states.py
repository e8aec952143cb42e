"""The states of a file, and what those of many mean together. Pure.

archived -> queued -> submitted -> staging -> staged -> online. `queued` waits for the window,
`submitted` and `staging` are the archive's business, `staged` is on its disk and pinned, `online`
is verified in our cache. What nobody wants any more is `archived`
again, from wherever it was: released, or cancelled. A failure goes back to `queued` as long as
attempts are left; what did not come before its deadline is `expired`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from portal_shared.contracts.records import Availability

State = Literal[
    "archived",
    "queued",
    "submitted",
    "staging",
    "staged",
    "online",
    "failed",  # until somebody asks again
    "expired",  # its deadline is over; likewise
    "lost",  # the archive says so; likewise
    "unverifiable",  # no checksum, no size or no folder: never served
]
RequestState = Literal["ARCHIVED", "RESTORING", "ONLINE", "FAILED"]

ASKABLE: tuple[State, ...] = ("archived", "failed", "expired", "lost")
AT_ARCHIVE: tuple[State, ...] = ("submitted", "staging")
THERE: tuple[State, ...] = (*AT_ARCHIVE, "staged")  # for as much as this there is room
UNDER_WAY: tuple[State, ...] = ("queued", *THERE)
BROKEN: tuple[State, ...] = ("failed", "expired", "lost", "unverifiable")

NOT_ONLINE: tuple[State, ...] = ("archived", *UNDER_WAY, *BROKEN)

MOVES: Mapping[State, frozenset[State]] = {
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
"""What may follow what; a move is made only where the file still is in the state it starts from."""


_SHOWN: Mapping[str, Availability] = {
    "online": "ONLINE",
    "archived": "ARCHIVED",
    "failed": "ARCHIVED",
    "expired": "ARCHIVED",
    "lost": "LOST",
    "unverifiable": "UNAVAILABLE",
}


def given_up(state: str) -> str | None:
    """How the last recall of a file ended that is on tape again: "failed", "expired"."""
    return state if state in ("failed", "expired") else None


def shown(state: str) -> Availability:
    """The state of a file in its readers' words."""
    return _SHOWN.get(state, "RESTORING")


@dataclass(frozen=True)
class Tally:
    """How many files, and of how many bytes, are in each state."""

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


def availability(tally: Tally, *, awaited: bool = False) -> Availability:
    """Of a dataset: that of its worst file; `awaited` if some on tape are asked for."""
    if not tally.all_files or tally.count("unverifiable"):
        return "UNAVAILABLE"
    if tally.count("online") == tally.all_files:
        return "ONLINE"
    if tally.count(*UNDER_WAY) or (awaited and tally.count("archived")):
        return "RESTORING"
    return "LOST" if tally.count("lost") else "ARCHIVED"


def request_state(tally: Tally, *, unfinished: bool = False) -> RequestState:
    """Done only when every file is online, failed only when no more is being tried.

    `unfinished` while some are still to be queued: what failed before may be among them.
    """
    if tally.all_files and tally.count("online") == tally.all_files:
        return "ONLINE"
    if tally.count("online", *BROKEN) == tally.all_files and not unfinished:
        return "FAILED"
    return "RESTORING" if tally.count(*AT_ARCHIVE, "staged", "online") else "ARCHIVED"


@dataclass(frozen=True)
class Verdict:
    """What becomes of a file whose recall failed."""

    state: State
    reason: str
    attempt: int  # those made so far
    pause: float = 0  # seconds before the next


@dataclass(frozen=True)
class Patience:
    most_attempts: int
    retry_seconds: float
    outage_seconds: float  # before asking again for what is only unavailable


def after_failure(reason: str, *, attempt: int, locality: str, patience: Patience) -> Verdict:
    """`locality` is what the archive says of the file now; "missing" when it has none."""
    if locality == "LOST":
        return Verdict("lost", f"lost: {reason}", attempt + 1)
    if locality == "missing":  # or it could not look: tried again before that is believed
        reason = f"the archive finds no such file: {reason}"
    if locality == "UNAVAILABLE":  # not the file's fault: its deadline bounds it
        return Verdict("queued", reason, attempt, patience.outage_seconds)
    if attempt + 1 >= patience.most_attempts:
        return Verdict("failed", f"{reason} (after {attempt + 1} attempts)", attempt + 1)
    return Verdict("queued", reason, attempt + 1, patience.retry_seconds * 2**attempt)
