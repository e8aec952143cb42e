"""Estimates how long a download request will still take.

Until files of the request itself have arrived, the rate of recent arrivals of all requests is used;
after that, its own rate. The estimate never exceeds the time for all open requests at the rate
since the first file of this request arrived: when a few files are spread among many, the last one
arrives early or late by chance.
"""

from collections import deque
from dataclasses import dataclass

MIN_SAMPLES = 3  # files that must have arrived before a rate is used
MAX_SAMPLES = 500  # arrivals remembered


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
        elapsed = self._arrivals[-1][0] - self._arrivals[0][0]
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
