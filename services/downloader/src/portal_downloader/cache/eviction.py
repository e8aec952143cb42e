"""Space of the cache: a budget of bytes, freed by evicting the least recently used contents.

Contents that are protected, or are being read in this process, are not evicted. When nothing may be
evicted, no more files are requested, and `blocked_reason` has the reason.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Generator
from contextlib import contextmanager

from portal_shared.runtime.errors import Invalid, Unavailable
from portal_shared.runtime.logs import logger

from portal_downloader.cache.disk import Cache
from portal_downloader.metrics import EVICTIONS
from portal_downloader.settings import DownloaderSettings
from portal_downloader.store.contents import Content, Contents
from portal_downloader.store.files import Files

log = logger(__name__)

CANDIDATES_PER_QUERY = 200
FULL_RETRY_SECONDS = 30.0  # before a full cache is tried again
SIZE_COST_FACTOR = 50  # the total is cached for so many times the duration of its query
CANDIDATES_SECONDS = 10.0  # candidates for eviction are cached for so long
MAX_SIZE_AGE_SECONDS = 60.0  # of the cached total: other replicas add files, too


class TooLarge(Invalid):
    """The file is larger than the whole cache."""


class CacheSpace:
    """Reserves space for incoming files."""

    def __init__(
        self, settings: DownloaderSettings, *, contents: Contents, files: Files, cache: Cache
    ) -> None:
        self._budget = settings.cache_bytes
        self._spare = settings.cache_spare_bytes
        self._contents = contents
        self._files = files
        self._cache = cache
        self._reserved: Counter[str] = Counter()
        self._protected: dict[object, frozenset[str]] = {}  # digests by reader
        self._lock = asyncio.Lock()
        self._size = 0
        self._size_valid_until = 0.0
        self._candidates: deque[Content] = deque()  # evicted next
        self._candidates_valid_until = 0.0
        self.blocked_reason: str | None = None  # why no file is requested now
        self._blocked_at = 0.0
        self.evicted = 0

    @contextmanager
    def protect(self, digests: frozenset[str]) -> Generator[None]:
        """Prevents the eviction of these contents while the context is open."""
        reader = object()
        self._protected[reader] = digests
        try:
            yield
        finally:
            del self._protected[reader]

    def _is_protected(self, sha256: str) -> bool:
        return any(sha256 in digests for digests in self._protected.values())

    async def reserve(self, key: str, size: int) -> None:
        """Reserves so many bytes under this key, until they are released.

        Raises Unavailable while there is no space, TooLarge if there never will be.
        """
        if self._budget is not None and size > self._budget:
            raise TooLarge(f"the file has {size} bytes, the cache is limited to {self._budget}")
        async with self._lock:
            self._reserved.pop(key, None)
            missing = await self._missing_bytes(size)
            if missing > 0:
                missing -= await self._evict(missing)
            if missing > 0:
                self._size_valid_until = 0.0  # the cached total may be too high
                missing = await self._missing_bytes(size)
            if missing > 0:
                pinned = await self._contents.pinned_bytes()
                reason = f"the cache is full: {pinned} bytes are protected for readers"
                self._block(reason)
                raise Unavailable(reason)
            self.blocked_reason = None
            self._reserved[key] = size

    def release(self, key: str, *, arrived: int = 0) -> None:
        """Ends a reservation; so many bytes have arrived in the cache."""
        self._reserved.pop(key, None)
        self._size += arrived

    def report_disk_full(self) -> None:
        """Blocks further requests because a write failed, whatever the computed totals are."""
        self._block("the disk of the cache is full")

    def _block(self, reason: str) -> None:
        self.blocked_reason, self._blocked_at = reason, time.monotonic()

    @property
    def has_space(self) -> bool:
        """Returns whether more files may be requested; a full cache is tried again later."""
        return (
            self.blocked_reason is None or time.monotonic() > self._blocked_at + FULL_RETRY_SECONDS
        )

    async def _missing_bytes(self, size: int) -> int:
        """Returns how many bytes must be evicted before so many can arrive."""
        expected = self._reserved.total() + size
        missing = 0
        if self._budget is not None:
            missing = await self._total_bytes() + expected - self._budget
        free = await asyncio.to_thread(self._cache.free_bytes)
        return max(missing, expected + self._spare - free)

    async def _total_bytes(self) -> int:
        """Returns the size of all contents; cached, because the query reads all of them."""
        started = time.monotonic()
        if started > self._size_valid_until:
            self._size = await self._contents.total_bytes()
            now = time.monotonic()
            self._size_valid_until = now + min(
                MAX_SIZE_AGE_SECONDS, SIZE_COST_FACTOR * (now - started)
            )
        return self._size

    async def _evict(self, size: int) -> int:
        """Evicts contents until so many bytes are free or no more may go; returns the bytes."""
        evicted, queried = 0, False
        if time.monotonic() > self._candidates_valid_until:
            self._candidates.clear()
        while evicted < size:
            if not self._candidates:
                if queried:
                    break
                self._candidates.extend(await self._contents.evictable(CANDIDATES_PER_QUERY))
                self._candidates_valid_until = time.monotonic() + CANDIDATES_SECONDS
                queried = True
                continue
            content = self._candidates.popleft()  # used since, it may not be evicted
            if await self.remove(content):
                evicted += content.size
                self._size -= content.size
                self.evicted += 1
        return evicted

    async def remove(self, content: Content) -> bool:
        """Removes a content from the cache, unless it is protected; returns whether it did."""
        if self._is_protected(content.sha256) or not await self._contents.evict(content.sha256):
            return False
        which = {"sha256": content.sha256}
        files = await self._files.move(which, ("online",), "archived")
        await asyncio.to_thread(self._cache.remove, content.sha256)
        EVICTIONS.inc()
        log.info("content evicted", sha256=content.sha256, bytes=content.size, files=files)
        return True

    async def status(self) -> dict[str, object]:
        """Returns figures for operators."""
        return {
            "bytes": await self._contents.total_bytes(),
            "resident_bytes": await self._contents.resident_bytes(),
            "pinned_bytes": await self._contents.pinned_bytes(),
            "budget_bytes": self._budget,
            "free_bytes": await asyncio.to_thread(self._cache.free_bytes),
            "evicted": self.evicted,
            "full": self.blocked_reason,
        }
