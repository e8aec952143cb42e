"""Watches downloads for all event streams of this process, with one query for all of them.

A change that this process stores is loaded at once; one that another replica stores, by the next
poll.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager

from portal_shared.runtime.errors import PortalError, TooMany
from portal_shared.runtime.logs import logger

from portal_gateway.downloads.download import Download

log = logger(__name__)

POLL_SECONDS = 1.0

LoadMany = Callable[[Sequence[str]], Awaitable[Sequence[Download]]]


class Subscription:
    """The newest known state of one download."""

    def __init__(self, download: Download) -> None:
        self.newest: Download | None = download  # None: it does not exist any more
        self._changed = asyncio.Event()

    def update(self, download: Download | None) -> None:
        """Stores a newer state and wakes the stream."""
        known = self.newest
        if known is None or (download is not None and download.version <= known.version):
            return
        self.newest = download
        self._changed.set()

    async def wait(self, seconds: float) -> bool:
        """Waits for a newer state, but not longer; returns whether there is one."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True


class DownloadWatch:
    """Loads the watched downloads in one task, which runs while there are any."""

    def __init__(self, load_many: LoadMany) -> None:
        self._load_many = load_many
        self._subscriptions: dict[str, set[Subscription]] = {}
        self._changed: set[str] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def set(self, request_id: str) -> None:
        """Loads a download at once, because this process has changed it."""
        if request_id in self._subscriptions:
            self._changed.add(request_id)
            self._wake.set()

    @asynccontextmanager
    async def subscribe(self, download: Download) -> AsyncGenerator[Subscription]:
        """Watches a download while the context is open."""
        made = Subscription(download)
        self._subscriptions.setdefault(download.id, set()).add(made)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="download watch")
        try:
            yield made
        finally:
            others = self._subscriptions[download.id]
            others.discard(made)
            if not others:
                del self._subscriptions[download.id]
            if not self._subscriptions:
                self._stop()

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            everything = False
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                everything = True
            self._wake.clear()
            changed, self._changed = self._changed, set()
            try:
                await self._load(list(self._subscriptions) if everything else list(changed))
            except PortalError as error:  # the next poll may succeed
                log.warning("downloads not loaded", reason=error.reason)
            except Exception:
                log.exception("downloads not loaded")

    async def _load(self, ids: Sequence[str]) -> None:
        """Updates the subscriptions of these downloads."""
        found = {download.id: download for download in await self._load_many(ids)}
        for request_id in ids:
            for subscription in self._subscriptions.get(request_id, ()):
                subscription.update(found.get(request_id))


class StreamLimits:
    """Counts open event streams: for each reader, and in all."""

    def __init__(self, *, per_reader: int, in_all: int) -> None:
        self._per_reader = per_reader
        self._in_all = in_all
        self._open = Counter[str]()

    def check(self, reader: str) -> None:
        """Raises TooMany if this reader may open no other stream."""
        if self._open[reader] >= self._per_reader:
            raise TooMany(
                f"You have {self._open[reader]} event streams open; the limit is"
                f" {self._per_reader}. Close some, or read the state at the download's own address."
            )
        if self._open.total() >= self._in_all:
            raise TooMany(
                "All event streams of this portal are in use. Read the state at the download's own"
                " address."
            )

    @contextmanager
    def count(self, reader: str) -> Generator[None]:
        """Counts a stream while the context is open. Raises TooMany."""
        self.check(reader)
        self._open[reader] += 1
        try:
            yield
        finally:
            self._open[reader] -= 1
            if not self._open[reader]:
                del self._open[reader]
