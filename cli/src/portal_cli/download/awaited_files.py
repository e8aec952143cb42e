"""Which files of a request are still awaited, and where to look for those that have come. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from portal_cli.download.client import RemoteFile


class Awaited:
    """Gone round in the portal's order, once for each time that more are online.

    Nothing is looked for when as many were found as are online, and nobody looks where all were.
    """

    def __init__(self, files: Iterable[RemoteFile], locations: Iterable[str]) -> None:
        """`locations` are all of the dataset's."""
        self.left = {f.location: f for f in files}
        self._order = sorted(locations)
        self._at = 0  # in the order: what is looked at next
        self._unlooked = 0  # so many from there on may have come
        self._online = 0
        self._found = 0

    def note(self, online: int) -> None:
        """So many of the request's files are online now."""
        if online > self._online:
            self._unlooked = len(self._order)
        self._online = online

    def after(self) -> str | None:
        """After which location to list a page; None when there is nothing to look for."""
        if self._found >= self._online:
            return None
        while self._unlooked and self._order[self._at] not in self.left:
            self._pass(self._at + 1)
        if not self._unlooked:
            return None
        return self._order[self._at - 1] if self._at else ""

    def seen(self, page: Sequence[RemoteFile], *, more: bool) -> list[RemoteFile]:
        """Those of the page that were awaited and have come: they are awaited no more."""
        came = [f.location for f in page if f.state == "ONLINE" and f.location in self.left]
        end = len(self._order)
        if came:  # what follows these may come next
            end = bisect_right(self._order, came[-1])
        elif more and page:
            end = bisect_right(self._order, page[-1].location)
        self._pass(max(end, self._at + 1))  # also past what is new in the dataset
        self._found += len(came)
        return [self.left.pop(location) for location in came]

    def _pass(self, end: int) -> None:
        self._unlooked = max(0, self._unlooked - (end - self._at))
        self._at = end if end < len(self._order) else 0
