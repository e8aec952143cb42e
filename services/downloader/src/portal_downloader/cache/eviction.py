"""Room in the cache: a budget of bytes, kept by evicting what nobody has wanted for longest.

Nothing is evicted that is pinned, or that is being read here. When nothing may go, no more is let
in, and `full` says so.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Generator
from contextlib import contextmanager

from portal_shared.runtime.errors import Invalid, Unavailable
from portal_shared.runtime.logs import logger

from portal_downloader.cache.disk import Cache
from portal_downloader.settings import DownloaderSettings
from portal_downloader.store.contents import Content, Contents
from portal_downloader.store.files import Files

log = logger(__name__)

LOOKED_AT_ONCE = 200
TRIED_AGAIN = 30.0  # seconds after which what was full may not be any more
SUM_COST = 50  # times as long as it took a sum is good, with what came and went here
OLD_LASTS = 10.0  # seconds for which those that were wanted least are taken to be so
SUM_LASTS = 60.0  # seconds at most: other replicas bring files, too


class TooLarge(Invalid):
    """The file will never fit."""


class Room:
    def __init__(
        self, settings: DownloaderSettings, *, contents: Contents, files: Files, cache: Cache
    ) -> None:
        self._budget = settings.cache_bytes
        self._spare = settings.cache_spare_bytes
        self._contents = contents
        self._files = files
        self._cache = cache
        self._reserved: Counter[str] = Counter()
        self._reading: dict[object, frozenset[str]] = {}  # by reader
        self._one_at_a_time = asyncio.Lock()
        self._held = 0
        self._held_good_until = 0.0
        self._old: deque[Content] = deque()  # those that may go next
        self._old_good_until = 0.0
        self.full: str | None = None  # why nothing more is let in
        self._full_at = 0.0
        self.evicted = 0

    @contextmanager
    def reading(self, digests: frozenset[str]) -> Generator[None]:
        """These stay while they are read."""
        reader = object()
        self._reading[reader] = digests
        try:
            yield
        finally:
            del self._reading[reader]

    def _is_read(self, sha256: str) -> bool:
        return any(sha256 in digests for digests in self._reading.values())

    async def reserve(self, key: str, size: int) -> None:
        """Room for so many bytes under this name, until it is freed.

        Raises Unavailable while there is none, TooLarge where there never will be.
        """
        if self._budget is not None and size > self._budget:
            raise TooLarge(f"{size} bytes are more than the cache may hold: {self._budget}")
        async with self._one_at_a_time:
            self._reserved.pop(key, None)
            lacking = await self._lacking(size)
            if lacking > 0:
                lacking -= await self._evict(lacking)
            if lacking > 0:
                self._held_good_until = 0.0  # before it is said: may it not be as full as we think?
                lacking = await self._lacking(size)
            if lacking > 0:
                pinned = await self._contents.pinned_bytes()
                reason = f"the cache is full: {pinned} bytes are kept for readers"
                self._found_full(reason)
                raise Unavailable(reason)
            self.full = None
            self._reserved[key] = size

    def free(self, key: str, *, arrived: int = 0) -> None:
        """It takes room no longer by this name; so many bytes have arrived in the cache."""
        self._reserved.pop(key, None)
        self._held += arrived

    def disk_full(self) -> None:
        """The disk said so, whatever our sums say."""
        self._found_full("the disk of the cache is full")

    def _found_full(self, reason: str) -> None:
        self.full, self._full_at = reason, time.monotonic()

    @property
    def admits(self) -> bool:
        """Whether more may be asked for; found out by trying, when it was full a while ago."""
        return self.full is None or time.monotonic() > self._full_at + TRIED_AGAIN

    async def _lacking(self, size: int) -> int:
        """Bytes that must go before so many can come."""
        coming = self._reserved.total() + size
        lacking = 0
        if self._budget is not None:
            lacking = await self._bytes_held() + coming - self._budget
        free = await asyncio.to_thread(self._cache.free_bytes)
        return max(lacking, coming + self._spare - free)

    async def _bytes_held(self) -> int:
        """By all contents; looking at all of them is dear."""
        began = time.monotonic()
        if began > self._held_good_until:
            self._held = await self._contents.bytes()
            now = time.monotonic()
            self._held_good_until = now + min(SUM_LASTS, SUM_COST * (now - began))
        return self._held

    async def _evict(self, wanted: int) -> int:
        """Bytes that went, as many as are wanted or as may go."""
        gone, looked = 0, False
        if time.monotonic() > self._old_good_until:
            self._old.clear()
        while gone < wanted:
            if not self._old:
                if looked:
                    break
                self._old.extend(await self._contents.evictable(LOOKED_AT_ONCE))
                self._old_good_until = time.monotonic() + OLD_LASTS
                looked = True
                continue
            content = self._old.popleft()  # not what was wanted since: that may not be let go
            if self._is_read(content.sha256) or not await self._contents.let_go(content.sha256):
                continue
            which = {"sha256": content.sha256}
            files = await self._files.move(which, ("online",), "archived")
            await asyncio.to_thread(self._cache.remove, content.sha256)
            gone += content.size
            self._held -= content.size
            self.evicted += 1
            log.info("evicted", sha256=content.sha256, bytes=content.size, files=files)
        return gone

    async def facts(self) -> dict[str, object]:
        """For operators."""
        return {
            "bytes": await self._contents.bytes(),
            "pinned_bytes": await self._contents.pinned_bytes(),
            "budget_bytes": self._budget,
            "free_bytes": await asyncio.to_thread(self._cache.free_bytes),
            "evicted": self.evicted,
            "full": self.full,
        }
