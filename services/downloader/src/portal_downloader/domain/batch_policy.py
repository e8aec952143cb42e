"""Batch policy: when queued files are staged, how many at once, and which group goes next.

Files of one tape (or of one folder, where the tape is unknown) form a group and are staged
together, so that the archive mounts and winds the tape once for all requesters. The next group
belongs to the requester with the lowest share: the fewest files in flight relative to the weight of
the priority.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

TAPE_PREFIX = "tape "  # of the names of groups that are a tape


@dataclass(frozen=True)
class TapeLocation:
    """The tape of a file and its position on it, as reported by the archive."""

    tape: str
    position: int


def group_of(path: str, place: TapeLocation | None) -> str:
    """Returns the name of the staging group of a file: its tape, else its folder."""
    return f"{TAPE_PREFIX}{place.tape}" if place else f"folder {path.rpartition('/')[0]}"


@dataclass(frozen=True)
class BatchPolicy:
    """Limits of stage requests: waiting time, size, files in flight and tapes in use."""

    window: float  # seconds a queued file waits for others before it is staged
    max_files: int  # in one stage request
    max_in_flight: int  # files at the archive at the same time
    max_tapes: int = 8  # in use at the same time; other groups keep collecting files

    def seconds_left(self, *, oldest: datetime, waiting: int, now: datetime) -> float:
        """Returns how long to wait for more files: 0 when the window is over or a batch is full."""
        if waiting >= self.max_files:
            return 0.0
        return max(0.0, (oldest - now).total_seconds() + self.window)

    def capacity(self, in_flight: int) -> int:
        """Returns how many files the next stage request may have."""
        return max(0, min(self.max_files, self.max_in_flight - in_flight))

    def is_large_enough(self, files: int, *, max_files: int, waiting: int) -> bool:
        """Returns whether a request of so many files is worth submitting now.

        It should have at least half of the files that could go if nothing were in flight: capacity
        becomes free file by file, and each small request would cost a mount.
        """
        full = min(max_files, self.capacity(0), waiting)
        return files >= max(1, full // 2)

    def may_start(self, group: str, groups_in_flight: Collection[str]) -> bool:
        """Returns whether files of this group may be submitted now.

        A tape in use gets no second request: in an archive that works in the order of requests,
        files that come later would cost another mount.
        """
        if not group.startswith(TAPE_PREFIX):
            return True
        return group not in groups_in_flight and self.has_free_tape_slot(groups_in_flight)

    def has_free_tape_slot(self, groups_in_flight: Collection[str]) -> bool:
        """Returns whether another tape may be used besides those of these groups."""
        return sum(other.startswith(TAPE_PREFIX) for other in groups_in_flight) < self.max_tapes


@dataclass
class Share:
    """A requester with the number of files waiting and in flight."""

    requester: str
    priority: int  # the highest of the waiting files; each step doubles the share
    waiting: int
    oldest: datetime
    in_flight: int = 0

    @property
    def load(self) -> float:
        """Files in flight divided by the weight of the priority."""
        return self.in_flight / 2.0**self.priority


def lowest_share(shares: Sequence[Share]) -> Share | None:
    """Returns the share served next: the lowest load, then priority, then the longest waiting."""
    waiting = [share for share in shares if share.waiting > 0]
    return min(waiting, key=lambda s: (s.load, -s.priority, s.oldest, s.requester), default=None)


def disk_lifetime(seconds: int) -> str:
    """Returns so many seconds as an ISO 8601 duration."""
    return f"PT{seconds}S"
