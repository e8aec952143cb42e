"""How long a request may still take. Pure.

Before anything of it has come, what others saw lately is the guess; then its own pace is. But it
takes no longer than everything that is asked for, at the pace at which all that came since did: the
last of a few files among many come late, or early, by chance.
"""

from collections import deque
from dataclasses import dataclass

TRUSTED = 3  # files of its own, before a request's own pace counts
REMEMBERED = 500  # files


@dataclass(frozen=True)
class Extent:
    """Files and bytes, of which both cost time."""

    files: int
    bytes: int


class Pace:
    """Files and bytes that came lately, whoever asked."""

    def __init__(self) -> None:
        self._came: deque[tuple[float, int]] = deque(maxlen=REMEMBERED)

    def note(self, moment: float, size: int) -> None:
        self._came.append((moment, size))

    def seconds_for(self, extent: Extent) -> float | None:
        """At that pace; None as long as too little came."""
        if len(self._came) < TRUSTED:
            return None
        took = self._came[-1][0] - self._came[0][0]
        files, size = len(self._came) - 1, sum(size for _, size in self._came) - self._came[0][1]
        return took * _share(extent, Extent(files, size))

    def bound(self, everything: Extent, *, since: float, now: float) -> float | None:
        """Seconds for all of this, at the pace of the last so many; None where too little came."""
        came = [(moment, size) for moment, size in self._came if moment >= now - since]
        if len(came) < TRUSTED:
            return None
        if len(came) == REMEMBERED:  # what came before is forgotten
            since = now - came.pop(0)[0]
        return since * _share(everything, Extent(len(came), sum(size for _, size in came)))


def _share(of: Extent, whole: Extent) -> float:
    """How many times the whole it is: the mean by files and by bytes."""
    by_files = of.files / whole.files if whole.files else 0.0
    by_bytes = of.bytes / whole.bytes if whole.bytes else by_files
    return (by_files + by_bytes) / 2


def seconds_left(
    *,
    left: Extent,
    came: Extent,
    since: float | None,
    ahead: Extent,
    everything: Extent,
    pace: Pace,
    now: float,
) -> float | None:
    """`came` is what came of the request within the `since` seconds after its first file did.

    `everything` is what is left of all requests. None where there is nothing to go by.
    """
    if left.files == 0:
        return 0.0
    if since is not None and came.files >= TRUSTED:
        own = since * _share(left, came)
        bound = pace.bound(everything, since=since, now=now)
        return own if bound is None else min(own, bound)
    return pace.seconds_for(Extent(left.files + ahead.files, left.bytes + ahead.bytes))
