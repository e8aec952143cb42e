"""When files are staged, which together, and whose go first. Pure.

Files of one tape, or of one folder where the tape is not known, go together: the archive mounts and
winds once for them all, whoever asked. Which group goes next is decided by fair share: the lead is
who has least under way for the weight of his priority.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

TAPE = "tape "  # so begins the name of a group that is known to be one


@dataclass(frozen=True)
class Place:
    """Where a file lies, as far as the archive tells."""

    tape: str
    position: int


def group_of(path: str, place: Place | None) -> str:
    """The name of the group that a file goes with."""
    return f"{TAPE}{place.tape}" if place else f"folder {path.rpartition('/')[0]}"


@dataclass(frozen=True)
class Batching:
    window: float  # seconds to wait for company
    most: int  # files in one request
    most_under_way: int  # files at the archive at once
    most_tapes: int = 8  # at the archive at once: others gather company meanwhile

    def seconds_left(self, *, oldest: datetime, waiting: int, now: datetime) -> float:
        """To wait for company: none when the oldest has waited, or a request is full."""
        if waiting >= self.most:
            return 0.0
        return max(0.0, (oldest - now).total_seconds() + self.window)

    def admitted(self, under_way: int) -> int:
        """How many files the next request may have."""
        return max(0, min(self.most, self.most_under_way - under_way))

    def is_worth_it(self, files: int, *, most: int, waiting: int) -> bool:
        """Whether as many make a request: half of what may go, were there room for all.

        Room comes file by file: asked for file by file, each would cost a mount.
        """
        full = min(most, self.admitted(0), waiting)
        return files >= max(1, full // 2)

    def admits(self, group: str, under_way: Collection[str]) -> bool:
        """Whether files of this group may go now.

        What comes later for a tape that is asked for waits until that is done: behind it, in an
        archive that does as it is asked, it would cost another mount.
        """
        if not group.startswith(TAPE):
            return True
        return group not in under_way and self.has_room_for_tapes(under_way)

    def has_room_for_tapes(self, under_way: Collection[str]) -> bool:
        return sum(other.startswith(TAPE) for other in under_way) < self.most_tapes


@dataclass
class Share:
    """A requester with what he has waiting and under way."""

    requester: str
    priority: int  # the highest of what he has waiting: each step doubles his share
    waiting: int
    oldest: datetime
    under_way: int = 0

    @property
    def load(self) -> float:
        return self.under_way / 2.0**self.priority


def lead(shares: Sequence[Share]) -> Share | None:
    """Whose file goes next: least under way for his weight, then who has waited longest."""
    waiting = [share for share in shares if share.waiting > 0]
    return min(waiting, key=lambda s: (s.load, -s.priority, s.oldest, s.requester), default=None)


def disk_lifetime(seconds: int) -> str:
    """As ISO 8601 has durations."""
    return f"PT{seconds}S"
