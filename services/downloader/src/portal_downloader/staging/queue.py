"""Queues the files of a request, portion by portion: once for all who ask.

What is in the cache is online at once, what somebody else has asked for stays as it is. A portion
that was cut off in the middle is queued again, which changes nothing.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import Doc

from portal_downloader.archives.tape_locations import Places
from portal_downloader.domain import file_rows
from portal_downloader.domain.states import ASKABLE
from portal_downloader.settings import DownloaderSettings
from portal_downloader.store.files import FileRow, Within
from portal_downloader.store.queue import Waiting
from portal_downloader.store.stores import Stores

log = logger(__name__)

AT_ONCE = 500  # files of a portion
AFTER_NONE = ""  # before every location


class Queueing:
    def __init__(self, settings: DownloaderSettings, stores: Stores, places: Places) -> None:
        self._deadline = timedelta(seconds=settings.deadline_seconds)
        self._keep_seconds = settings.keep_seconds
        self._most = settings.most_queued
        self._datasets = stores.datasets
        self._files = stores.files
        self._waiting = Waiting(stores.files)
        self._cache = stores.cache
        self._contents = stores.contents
        self._places = places

    async def has_room(self, request: Doc) -> bool:
        """Whether its reader has less in the queue than he may."""
        return await self._waiting.queued_of(_requester(request), self._most) < self._most

    async def portion(self, request: Doc, after: str) -> str | None:
        """Queue its next files after this location; where to go on, None after the last."""
        pid: str = request["pid"]
        within, following = await self._bounds(request, after)
        if isinstance(within, Within):
            found, last = await self._files.portion(pid, within, AT_ONCE)
            following = last if last is not None else following
        else:
            found = await self._files.select(pid, within, (*ASKABLE, "online"))
        await self._queue(found, self._fields(request))
        return following

    async def _bounds(self, request: Doc, after: str) -> tuple[Within | Sequence[str], str | None]:
        if request["locations"] is None:
            border = await self._datasets.border(request["pid"], after)
            return Within(after, border), border
        left = sorted(name for name in request["locations"] if name > after)
        named = left[:AT_ONCE]
        return named, named[-1] if len(left) > AT_ONCE else None

    def _fields(self, request: Doc) -> dict[str, Any]:
        now = datetime.now(UTC)
        priority = request.get("priority") or 0
        return file_rows.asked(
            now, now + self._deadline, requester=_requester(request), priority=priority
        )

    async def _queue(self, found: Sequence[FileRow], fields: dict[str, Any]) -> None:
        askable = [f for f in found if f.state in ASKABLE]
        cached = await asyncio.to_thread(self._in_cache, askable)
        empty = {f.id for f in askable if f.size == 0} - cached  # no archive has these on tape
        tape = [f for f in askable if f.id not in cached | empty]
        used = [f.sha256 for f in found if f.state == "online" or f.id in cached]
        if cached:
            await self._files.move_all(sorted(cached), {}, ASKABLE, "online", reason=None)
        if used:
            await self._contents.used(used, keep=self._keep_seconds)
        if empty:
            await self._files.move_all(sorted(empty), {}, ASKABLE, "staged", **fields)
        queued = 0
        if tape:
            await self._waiting.place(await self._places.of([f.path for f in tape]), tape)
            ids = [f.id for f in tape]  # a range of locations would do, but not in every database
            queued = await self._files.move_all(ids, {}, ASKABLE, "queued", **fields)
        log.info("files asked for", queued=queued, in_cache=len(cached))

    def _in_cache(self, found: Sequence[FileRow]) -> set[str]:
        return {f.id for f in found if self._cache.holds(f.sha256, f.size)}


def _requester(request: Doc) -> str:
    return request.get("requester") or ""
