"""When files are staged, and which together. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Batching:
    window: float  # seconds to wait for company
    most: int  # files in one request

    def seconds_left(self, *, oldest: datetime, waiting: int, now: datetime) -> float:
        """To wait for company: none when the oldest has waited, or a request is full."""
        if waiting >= self.most:
            return 0.0
        return max(0.0, (oldest - now).total_seconds() + self.window)

    def cohort_ends(self, oldest: datetime) -> datetime:
        """Those asked for until then go before all later ones, whatever their paths."""
        return oldest + timedelta(seconds=self.window)

    def first(self, paths: Sequence[str]) -> list[str]:
        """The next batch of paths in order: whole folders, unless one alone is too large."""
        if len(paths) <= self.most:
            return list(paths)
        end = self.most
        folder = _folder(paths[end])
        while end and _folder(paths[end - 1]) == folder:
            end -= 1
        return list(paths[: end or self.most])


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def disk_lifetime(seconds: int) -> str:
    """As ISO 8601 has durations."""
    return f"PT{seconds}S"
