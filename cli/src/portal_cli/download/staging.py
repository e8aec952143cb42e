"""Follows a staging request: its progress, and which of its files have arrived from tape."""

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass

from portal_cli.download.client import PortalClient, RemoteFile, SelectionError, StagingProgress
from portal_cli.download.ranges import Interrupted

MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.2, 3.0  # between two requests for the progress
PAUSE_GROWTH = 1.15
LIST_INTERVAL_SECONDS = 3.0
MAX_PAGES_PER_LISTING = 5


class AwaitedFiles:
    """The files of a request that have not arrived, and the page to list next to find arrivals.

    The files of the dataset are listed page by page, in the order of the portal and round and
    round. Nothing is listed when as many files were found as are online; pages without an awaited
    file are skipped; and after each increase of the online files every page is listed at most once.
    """

    def __init__(self, files: Iterable[RemoteFile], locations: Iterable[str]) -> None:
        """`locations` are those of all files of the dataset."""
        self.remaining = {f.location: f for f in files}
        self._order = sorted(locations)
        self._position = 0  # index of the next location to list
        self._unlisted = 0  # locations from there on that may have arrived
        self._online = 0
        self._found = 0

    def set_online_count(self, online: int) -> None:
        """Updates how many files of the request are online now."""
        if online > self._online:
            self._unlisted = len(self._order)
        self._online = online

    def next_page_start(self) -> str | None:
        """Returns the location after which to list a page; None if no listing is needed."""
        if self._found >= self._online:
            return None
        while self._unlisted and self._order[self._position] not in self.remaining:
            self._move_to(self._position + 1)
        if not self._unlisted:
            return None
        return self._order[self._position - 1] if self._position else ""

    def take_arrived(self, page: Sequence[RemoteFile], *, more: bool) -> list[RemoteFile]:
        """Removes and returns the awaited files of the page that are online."""
        arrived = [f.location for f in page if f.state == "ONLINE" and f.location in self.remaining]
        end = len(self._order)
        if arrived:  # the files after these may arrive next
            end = bisect_right(self._order, arrived[-1])
        elif more and page:
            end = bisect_right(self._order, page[-1].location)
        self._move_to(max(end, self._position + 1))  # also past files that are new in the dataset
        self._found += len(arrived)
        return [self.remaining.pop(location) for location in arrived]

    def _move_to(self, end: int) -> None:
        self._unlisted = max(0, self._unlisted - (end - self._position))
        self._position = end if end < len(self._order) else 0


@dataclass
class StagingRequest:
    """A staging request at the portal, followed until it has ended."""

    portal: PortalClient
    pid: str
    request_id: str
    awaited: AwaitedFiles
    on_progress: Callable[[StagingProgress], None]
    stop: threading.Event

    def arrivals(self) -> Generator[list[RemoteFile], None, StagingProgress]:
        """Yields the files that have arrived, often none; returns the final progress.

        Files that arrive last are still in `awaited` then. Raises OutOfReach, Interrupted.
        """
        pause, listed_at = MIN_PAUSE_SECONDS, -LIST_INTERVAL_SECONDS
        while True:
            progress = self.portal.progress(self.request_id)
            self.on_progress(progress)
            if progress.done:
                return progress
            self.awaited.set_online_count(progress.files_online)
            arrived: list[RemoteFile] = []
            if time.monotonic() - listed_at >= LIST_INTERVAL_SECONDS:
                arrived, listed_at = self._list_arrived(), time.monotonic()
            yield arrived
            if self.stop.wait(pause):
                raise Interrupted
            pause = min(pause * PAUSE_GROWTH, MAX_PAUSE_SECONDS)

    def _list_arrived(self) -> list[RemoteFile]:
        """Lists up to MAX_PAGES_PER_LISTING pages; the next call continues after them."""
        arrived: list[RemoteFile] = []
        for _ in range(MAX_PAGES_PER_LISTING):
            after = self.awaited.next_page_start()
            if after is None:
                break
            try:
                page, more = self.portal.list_page(self.pid, after, request=self.request_id)
            except SelectionError:  # the dataset is gone; the progress will show how this ends
                break
            arrived += self.awaited.take_arrived(page, more=more)
        return arrived
