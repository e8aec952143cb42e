"""Reconciles the index of the cache with the disk at start.

Files whose content is missing are archived, and copied again if they stay online. Growing files
that no staged file needs are deleted. Names of contents are verified digests, so that comparing
sizes is enough. A content that arrived just before a crash, and is not in the index, is added.
"""

import asyncio
from datetime import UTC, datetime

from portal_shared.runtime.logs import logger

from portal_downloader.cache.disk import Cache
from portal_downloader.store.rows.file import FileRow
from portal_downloader.store.stores import Stores

log = logger(__name__)

FILES_PER_CHECK = 1000


class CacheRecovery:
    """Runs before any worker starts."""

    def __init__(self, stores: Stores, cache: Cache, *, keep_seconds: float) -> None:
        self._files = stores.files
        self._contents = stores.contents
        self._resident_files = stores.resident_files
        self._cache = cache
        self._keep_seconds = keep_seconds

    async def recover(self) -> None:
        """Reconciles rows of files, index and disk."""
        started = datetime.now(UTC)
        await asyncio.to_thread(self._cache.prepare)
        missing = 0
        files: list[FileRow] = []
        async for file in self._files.in_states(("online",)):
            files.append(file)
            if len(files) == FILES_PER_CHECK:
                missing += await self._archive_missing(files)
                files = []
        missing += await self._archive_missing(files)
        added, removed = await self._reconcile_index()
        needed = {file.part_key async for file in self._files.in_states(("staged",))}
        deleted = await asyncio.to_thread(self._cache.delete_parts_except, needed)
        seconds = (datetime.now(UTC) - started).total_seconds()
        log.info(
            "cache recovered",
            missing=missing,
            added=added,
            removed=removed,
            parts_deleted=deleted,
            seconds=seconds,
        )

    async def _archive_missing(self, files: list[FileRow]) -> int:
        """Archives those of these online files whose content is missing; returns how many."""
        missing = await asyncio.to_thread(
            lambda: [f.id for f in files if not self._cache.contains(f.sha256, f.size)]
        )
        return await self._files.move_all(missing, {}, ("online",), "archived")

    async def _reconcile_index(self) -> tuple[int, int]:
        """Returns how many contents were added to the index, and how many removed from it."""
        on_disk = await asyncio.to_thread(lambda: dict(self._cache.objects()))
        gone: list[str] = []
        async for content in self._contents.iterate():
            if on_disk.pop(content.sha256, None) != content.size:
                await self._contents.remove(content.sha256)
                gone.append(content.sha256)
        added = 0
        for sha256, size in on_disk.items():
            crc32 = await asyncio.to_thread(self._cache.crc32, sha256, size)
            if crc32 is not None:
                await self._contents.add(sha256, size=size, crc32=crc32, keep=self._keep_seconds)
                added += 1
        await self._resident_files.copy_again([*gone, *on_disk])
        return added, len(gone)
