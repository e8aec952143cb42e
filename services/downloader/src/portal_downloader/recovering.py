"""Agrees with the disk at start: what is not there is not online; half files nobody wants go.

Names in the cache are digests that were verified on arrival, so that sizes are enough here.
"""

import asyncio
from datetime import UTC, datetime

from portal_shared.observe import logger

from portal_downloader.cache import Cache
from portal_downloader.rows import FileRow, Files

log = logger(__name__)

AT_ONCE = 1000


class Recovering:
    def __init__(self, files: Files, cache: Cache) -> None:
        self._files = files
        self._cache = cache

    async def recover(self) -> None:
        started = datetime.now(UTC)
        await asyncio.to_thread(self._cache.prepare)
        missing = 0
        portion: list[FileRow] = []
        async for file in self._files.in_states(("online",)):
            portion.append(file)
            if len(portion) == AT_ONCE:
                missing += await self._checked(portion)
                portion = []
        missing += await self._checked(portion)
        wanted = {file.part async for file in self._files.in_states(("staged",))}
        swept = await asyncio.to_thread(self._cache.sweep, wanted)
        seconds = (datetime.now(UTC) - started).total_seconds()
        log.info("cache recovered", missing=missing, half_files_removed=swept, seconds=seconds)

    async def _checked(self, files: list[FileRow]) -> int:
        gone = await asyncio.to_thread(
            lambda: [f.id for f in files if not self._cache.holds(f.sha256, f.size)]
        )
        return await self._files.move_all(gone, {}, ("online",), "archived")
