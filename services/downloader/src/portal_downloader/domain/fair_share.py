"""Fair-share scheduler: which group of waiting files is staged next.

Waiting files are known as groups with counts, not file by file, because there may be many and every
batch looks at all of them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from portal_downloader.domain.batch_policy import BatchPolicy, Share, lowest_share


@dataclass(frozen=True)
class WaitingGroup:
    """Waiting files of one tape or folder, of one requester and one priority."""

    requester: str
    group: str
    priority: int
    files: int
    oldest: datetime
    path: str  # the first in alphabetical order

    @property
    def sort_key(self) -> tuple[int, datetime, str]:
        """Sorts by priority (highest first), then by waiting time, then by path."""
        return -self.priority, self.oldest, self.path


@dataclass(frozen=True)
class InFlight:
    """Files of one group that the archive is staging for one requester."""

    requester: str
    group: str
    files: int


class FairShare:
    """Chooses groups in turn among `groups`, which may be staged now, given what is `in_flight`."""

    def __init__(
        self, policy: BatchPolicy, groups: Sequence[WaitingGroup], in_flight: Sequence[InFlight]
    ) -> None:
        self._policy = policy
        self._groups_in_flight = {entry.group for entry in in_flight}
        self._taken: set[str] = set()
        self._waiting: dict[str, list[WaitingGroup]] = {}
        for group in sorted(groups, key=lambda h: h.sort_key, reverse=True):
            self._waiting.setdefault(group.requester, []).append(group)  # the next one last
        counts = Counter[str]()
        for entry in in_flight:
            counts[entry.requester] += entry.files
        self._shares = {
            name: _share(name, own, counts[name]) for name, own in self._waiting.items()
        }

    def next_group(self) -> str | None:
        """Returns the group to stage next with all its waiting files; each group at most once."""
        while (share := lowest_share(list(self._shares.values()))) is not None:
            own = self._waiting[share.requester]
            while own:
                group = own.pop().group
                if group not in self._taken and self._policy.may_start(
                    group, self._groups_in_flight
                ):
                    self._groups_in_flight.add(group)
                    self._taken.add(group)
                    return group
            share.waiting = 0
        return None

    def charge(self, requesters: Iterable[str]) -> None:
        """Counts one file in flight more for each of these requesters."""
        for requester in requesters:
            share = self._shares.get(requester)
            if share is not None:
                share.in_flight += 1


def _share(requester: str, groups: Sequence[WaitingGroup], in_flight: int) -> Share:
    return Share(
        requester=requester,
        priority=max(group.priority for group in groups),
        waiting=sum(group.files for group in groups),
        oldest=min(group.oldest for group in groups),
        in_flight=in_flight,
    )
