"""A request that is under way: how far it is, and which of its files have come meanwhile."""

import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

from portal_cli.download.awaited_files import Awaited
from portal_cli.download.client import Portal, Progress, RemoteFile, Unknown
from portal_cli.download.ranges import Interrupted

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 3.0
LOOK_PAUSE = 3.0  # seconds between looks at its files
PAGES_A_LOOK = 5


@dataclass
class Recall:
    portal: Portal
    pid: str
    request: str
    awaited: Awaited
    staging: Callable[[Progress], None]
    stop: threading.Event

    def coming(self) -> Generator[list[RemoteFile], None, Progress]:
        """What has come, each time that is asked; at its end, how it ended.

        What came last is still among the awaited then. Raises OutOfReach, Interrupted.
        """
        pause, looked = FIRST_PAUSE, -LOOK_PAUSE
        while True:
            progress = self.portal.progress(self.request)
            self.staging(progress)
            if progress.done:
                return progress
            self.awaited.note(progress.files_online)
            came: list[RemoteFile] = []
            if time.monotonic() - looked >= LOOK_PAUSE:
                came, looked = self._look(), time.monotonic()
            yield came
            if self.stop.wait(pause):
                raise Interrupted
            pause = min(pause * 1.15, LONGEST_PAUSE)

    def _look(self) -> list[RemoteFile]:
        """So many pages at most; the next look goes on where this one ends."""
        came: list[RemoteFile] = []
        for _ in range(PAGES_A_LOOK):
            after = self.awaited.after()
            if after is None:
                break
            try:
                page, more = self.portal.page(self.pid, after, request=self.request)
            except Unknown:  # how that ends is told by its progress
                break
            came += self.awaited.seen(page, more=more)
        return came
