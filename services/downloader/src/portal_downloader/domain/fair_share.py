"""Whose files go next, of which group: fair turns over all that wait. Pure.

What waits is known by heaps, not file by file: it may be much, and is looked at for every batch.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from portal_downloader.domain.batching import Batching, Share, lead


@dataclass(frozen=True)
class Heap:
    """Files of one group that wait for one requester, of one priority."""

    requester: str
    group: str
    priority: int
    files: int
    oldest: datetime
    path: str  # the first of them

    @property
    def turn(self) -> tuple[int, datetime, str]:
        """Those of the highest priority go first, then those that wait longest."""
        return -self.priority, self.oldest, self.path


@dataclass(frozen=True)
class Load:
    """Files of one group that the archive has been asked for, for one requester."""

    requester: str
    group: str
    files: int


class Turns:
    """`heaps` may be staged now, `loads` are under way."""

    def __init__(self, batching: Batching, heaps: Sequence[Heap], loads: Sequence[Load]) -> None:
        self._batching = batching
        self._groups = {load.group for load in loads}
        self._taken: set[str] = set()
        self._heaps: dict[str, list[Heap]] = {}
        for heap in sorted(heaps, key=lambda h: h.turn, reverse=True):
            self._heaps.setdefault(heap.requester, []).append(heap)  # the next one last
        under_way = Counter[str]()
        for load in loads:
            under_way[load.requester] += load.files
        self._shares = {
            name: _share(name, mine, under_way[name]) for name, mine in self._heaps.items()
        }

    def next(self) -> str | None:
        """The group that goes next, with all that waits for it: it has no second turn here."""
        while (leading := lead(list(self._shares.values()))) is not None:
            heaps = self._heaps[leading.requester]
            while heaps:
                group = heaps.pop().group
                if group not in self._taken and self._batching.admits(group, self._groups):
                    self._groups.add(group)
                    self._taken.add(group)
                    return group
            leading.waiting = 0
        return None

    def took(self, requesters: Iterable[str]) -> None:
        """A file for each of these goes along."""
        for requester in requesters:
            share = self._shares.get(requester)
            if share is not None:
                share.under_way += 1


def _share(requester: str, heaps: Sequence[Heap], under_way: int) -> Share:
    return Share(
        requester=requester,
        priority=max(heap.priority for heap in heaps),
        waiting=sum(heap.files for heap in heaps),
        oldest=min(heap.oldest for heap in heaps),
        under_way=under_way,
    )
