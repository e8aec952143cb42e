"""Estimates how long a download request will still take.

Until files of the request itself have arrived, the rate of recent arrivals of all requests is used;
after that, its own rate. The estimate never exceeds the time for all open requests at the rate
since the first file of this request arrived: when a few files are spread among many, the last one
arrives early or late by chance.
"""

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

MIN_SAMPLES = 3  # files that must have arrived before a rate is used
MAX_SAMPLES = 500  # arrivals remembered
IDLE_SECONDS = 1800.0  # a longer pause between arrivals is no work: nobody wanted files

Basis = Literal["online", "recent", "usual"]


@dataclass(frozen=True)
class Extent:
    """A number of files and of bytes: both cost time."""

    files: int
    bytes: int


class Throughput:
    """Recent arrivals of files, of all requests."""

    def __init__(self) -> None:
        self._arrivals: deque[tuple[float, int]] = deque(maxlen=MAX_SAMPLES)

    def record(self, moment: float, size: int) -> None:
        """Records that a file of so many bytes arrived at this moment of the monotonic clock."""
        self._arrivals.append((moment, size))

    def seconds_for(self, extent: Extent) -> float | None:
        """Returns the seconds for this extent at the recent rate; None with too few samples."""
        if len(self._arrivals) < MIN_SAMPLES:
            return None
        pauses = (after - before for (before, _), (after, _) in pairwise(self._arrivals))
        elapsed = sum(pause for pause in pauses if pause <= IDLE_SECONDS)
        files, size = (
            len(self._arrivals) - 1,
            sum(size for _, size in self._arrivals) - self._arrivals[0][1],
        )
        return elapsed * _fraction(extent, Extent(files, size))

    def upper_bound(self, everything: Extent, *, since: float, now: float) -> float | None:
        """Returns the seconds for `everything` at the rate of the last `since` seconds, or None."""
        arrivals = [(moment, size) for moment, size in self._arrivals if moment >= now - since]
        if len(arrivals) < MIN_SAMPLES:
            return None
        if len(arrivals) == MAX_SAMPLES:  # older arrivals were dropped
            since = now - arrivals.pop(0)[0]
        return since * _fraction(
            everything, Extent(len(arrivals), sum(size for _, size in arrivals))
        )


@dataclass(frozen=True)
class UsualPace:
    """What the archive usually does: used while no arrivals are known."""

    first_seconds: float  # from a request to its first file
    bytes_per_second: float


def seconds_if_requested(
    new: Extent, ahead: Extent, *, throughput: Throughput, usual: UsualPace
) -> tuple[float, Basis]:
    """Returns how long a request made now would take, and what that is based on.

    `new` is what would be recalled for it; `ahead` is what is left of the requests before it. Both
    come at the pace of recent arrivals, otherwise at the usual one.
    """
    if not new.files and not ahead.files:
        return 0.0, "online"
    everything = Extent(new.files + ahead.files, new.bytes + ahead.bytes)
    measured = throughput.seconds_for(everything)
    if measured is not None:
        return usual.first_seconds + measured, "recent"
    return usual.first_seconds + everything.bytes / usual.bytes_per_second, "usual"


def _fraction(of: Extent, whole: Extent) -> float:
    """Returns the size relative to another extent: the mean of the ratios of files and bytes."""
    by_files = of.files / whole.files if whole.files else 0.0
    by_bytes = of.bytes / whole.bytes if whole.bytes else by_files
    return (by_files + by_bytes) / 2


def seconds_left(
    *,
    left: Extent,
    arrived: Extent,
    since: float | None,
    ahead: Extent,
    everything: Extent,
    throughput: Throughput,
    now: float,
) -> float | None:
    """Returns the estimated seconds until the request is complete, or None if unknown.

    `arrived` is what arrived of the request in the `since` seconds after its first file;
    `everything` is what is left of all requests; `ahead` what is left of the requests before this
    one.
    """
    if left.files == 0:
        return 0.0
    if since is not None and arrived.files >= MIN_SAMPLES:
        own_estimate = since * _fraction(left, arrived)
        bound = throughput.upper_bound(everything, since=since, now=now)
        return own_estimate if bound is None else min(own_estimate, bound)
    return throughput.seconds_for(Extent(left.files + ahead.files, left.bytes + ahead.bytes))
