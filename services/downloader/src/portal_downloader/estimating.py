"""How long a request may still take. Pure.

Before anything of it has come, what others saw lately is the guess; then its own pace is.
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


def _share(of: Extent, whole: Extent) -> float:
    """How many times the whole it is: the mean by files and by bytes."""
    by_files = of.files / whole.files if whole.files else 0.0
    by_bytes = of.bytes / whole.bytes if whole.bytes else by_files
    return (by_files + by_bytes) / 2


def seconds_left(
    *, left: Extent, came: Extent, since: float | None, ahead: Extent, pace: Pace
) -> float | None:
    """`came` is what came of the request within the `since` seconds after its first file did.

    None where there is nothing to go by.
    """
    if left.files == 0:
        return 0.0
    if since is not None and came.files >= TRUSTED:
        return since * _share(left, came)
    return pace.seconds_for(Extent(left.files + ahead.files, left.bytes + ahead.bytes))
