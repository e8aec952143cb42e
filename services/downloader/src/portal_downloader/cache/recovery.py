"""Agrees with the disk at start: what is not there is not online; half files nobody wants go.

Names in the cache are digests that were verified on arrival, so that sizes are enough here. What
came just before a crash, and was not noted any more, is noted now.
"""

import asyncio
from datetime import UTC, datetime

from portal_shared.runtime.logs import logger

from portal_downloader.store.files import FileRow
from portal_downloader.store.stores import Stores

log = logger(__name__)

AT_ONCE = 1000


class Recovering:
    def __init__(self, stores: Stores, *, keep_seconds: float) -> None:
        self._files = stores.files
        self._contents = stores.contents
        self._cache = stores.cache
        self._keep_seconds = keep_seconds

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
        noted, forgotten = await self._contents_noted()
        wanted = {file.part async for file in self._files.in_states(("staged",))}
        swept = await asyncio.to_thread(self._cache.sweep, wanted)
        seconds = (datetime.now(UTC) - started).total_seconds()
        log.info(
            "cache recovered",
            missing=missing,
            noted=noted,
            forgotten=forgotten,
            half_files_removed=swept,
            seconds=seconds,
        )

    async def _checked(self, files: list[FileRow]) -> int:
        gone = await asyncio.to_thread(
            lambda: [f.id for f in files if not self._cache.holds(f.sha256, f.size)]
        )
        return await self._files.move_all(gone, {}, ("online",), "archived")

    async def _contents_noted(self) -> tuple[int, int]:
        """How many were there and not noted; how many were noted and not there."""
        there = await asyncio.to_thread(lambda: dict(self._cache.objects()))
        forgotten = 0
        async for content in self._contents.all():
            if there.pop(content.sha256, None) != content.size:
                await self._contents.forget(content.sha256)
                forgotten += 1
        noted = 0
        for sha256, size in there.items():
            crc32 = await asyncio.to_thread(self._cache.crc32, sha256, size)
            if crc32 is not None:
                await self._contents.arrived(
                    sha256, size=size, crc32=crc32, keep=self._keep_seconds
                )
                noted += 1
        return noted, forgotten
