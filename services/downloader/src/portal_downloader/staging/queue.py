"""Queues the files of a request in portions; a file is recalled once for all requests.

Files in the cache become online at once, files that are already pending stay as they are. An
interrupted portion is queued again, which changes nothing.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from portal_shared.runtime.logs import logger

from portal_downloader.archives.tape_locations import TapeLocator
from portal_downloader.cache.disk import Cache
from portal_downloader.domain import file_rows
from portal_downloader.domain.states import REQUESTABLE
from portal_downloader.settings import DownloaderSettings
from portal_downloader.store.queue import QueuedFiles
from portal_downloader.store.rows.file import FileRow, LocationRange
from portal_downloader.store.rows.request import RequestRow
from portal_downloader.store.stores import Stores

log = logger(__name__)

FILES_PER_PORTION = 500
FROM_START = ""  # sorts before every location


class Enqueuer:
    """Queues files, or makes them online if they are in the cache."""

    def __init__(
        self, settings: DownloaderSettings, stores: Stores, cache: Cache, locator: TapeLocator
    ) -> None:
        self._deadline = timedelta(seconds=settings.deadline_seconds)
        self._keep_seconds = settings.keep_seconds
        self._max_queued = settings.most_queued
        self._datasets = stores.datasets
        self._files = stores.files
        self._waiting = QueuedFiles(stores.files)
        self._cache = cache
        self._contents = stores.contents
        self._locator = locator

    async def has_capacity(self, request: RequestRow) -> bool:
        """Returns whether the requester has fewer files in the queue than allowed."""
        return (
            await self._waiting.count_queued(request.requester, self._max_queued) < self._max_queued
        )

    async def enqueue_portion(self, request: RequestRow, after: str) -> str | None:
        """Queues the next files after this location; returns where to continue, None after the
        last.
        """
        pid = request.pid
        selection, following = await self._bounds(request, after)
        if isinstance(selection, LocationRange):
            files, last_location = await self._files.range_page(pid, selection, FILES_PER_PORTION)
            following = last_location if last_location is not None else following
        else:
            files = await self._files.select(pid, selection, (*REQUESTABLE, "online"))
        await self.enqueue(files, self._fields(request))
        return following

    async def _bounds(
        self, request: RequestRow, after: str
    ) -> tuple[LocationRange | Sequence[str], str | None]:
        """Returns the locations of the next portion, and where the one after it begins."""
        if request.locations is None:
            boundary = await self._datasets.next_boundary(request.pid, after)
            return LocationRange(after, boundary), boundary
        remaining = sorted(name for name in request.locations if name > after)
        portion = remaining[:FILES_PER_PORTION]
        return portion, portion[-1] if len(remaining) > FILES_PER_PORTION else None

    def _fields(self, request: RequestRow) -> dict[str, Any]:
        """Returns the fields that the queued rows get."""
        now = datetime.now(UTC)
        return file_rows.requested_fields(
            now, now + self._deadline, requester=request.requester, priority=request.priority
        )

    async def enqueue(self, files: Sequence[FileRow], fields: dict[str, Any]) -> None:
        """Moves files to `online`, `staged` (empty files) or `queued`, with these fields."""
        requestable = [f for f in files if f.state in REQUESTABLE]
        cached = await asyncio.to_thread(self._in_cache, requestable)
        empty = {
            f.id for f in requestable if f.size == 0
        } - cached  # no archive stores these on tape
        tape = [f for f in requestable if f.id not in cached | empty]
        used = [f.sha256 for f in files if f.state == "online" or f.id in cached]
        if cached:
            await self._files.move_all(sorted(cached), {}, REQUESTABLE, "online", reason=None)
        if used:
            await self._contents.touch(used, keep=self._keep_seconds)
        if empty:
            await self._files.move_all(sorted(empty), {}, REQUESTABLE, "staged", **fields)
        queued = 0
        if tape:
            await self._waiting.set_locations(
                await self._locator.locate([f.path for f in tape]), tape
            )
            ids = [f.id for f in tape]  # some databases do not use an index for ranges here
            queued = await self._files.move_all(ids, {}, REQUESTABLE, "queued", **fields)
        log.info("files queued", queued=queued, in_cache=len(cached))

    def _in_cache(self, files: Sequence[FileRow]) -> set[str]:
        return {f.id for f in files if self._cache.contains(f.sha256, f.size)}
