"""Worker: copies files that stay online to the cache, and protects them for ever.

They are copied from the intake folder, where they are when their dataset is registered, and
verified by their checksums. Files that are not there any more are recalled from the archive.
"""

import asyncio
import errno
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import logger

from portal_downloader.cache.disk import Cache, InUse
from portal_downloader.cache.intake import Intake
from portal_downloader.domain import file_rows
from portal_downloader.domain.states import BROKEN, REQUESTABLE
from portal_downloader.settings import DownloaderSettings
from portal_downloader.staging.queue import Enqueuer
from portal_downloader.store.contents import Content
from portal_downloader.store.rows.file import FileRow
from portal_downloader.store.stores import Stores

log = logger(__name__)

FILES_PER_STEP = 100
RECALL_CHECK_SECONDS = 30.0  # before a file that is being recalled is looked at again
FAILED_CHECK_SECONDS = 3600.0  # the same after a recall that has failed
PRIORITY = -2  # of recalls: a quarter of the share of a reader


class OnlineCopier:
    def __init__(
        self,
        settings: DownloaderSettings,
        stores: Stores,
        *,
        cache: Cache,
        intake: Intake,
        enqueuer: Enqueuer,
    ) -> None:
        self._spare = settings.cache_spare_bytes
        self._deadline = timedelta(seconds=settings.deadline_seconds)
        self._datasets = stores.datasets
        self._files = stores.files
        self._resident = stores.resident_files
        self._contents = stores.contents
        self._cache = cache
        self._intake = intake
        self._enqueuer = enqueuer
        self.blocked_reason: str | None = None  # why nothing is copied now

    async def step(self) -> bool:
        """Copies some files; returns False when there is none to copy now."""
        files = await self._resident.to_copy(FILES_PER_STEP)
        if not files:
            return False
        withdrawn = await self._datasets.withdrawn({file.pid for file in files})
        if withdrawn:  # before their lists arrived
            await self._resident.release(sorted(withdrawn))
            files = [file for file in files if file.pid not in withdrawn]
        copied, missing, blocked = await asyncio.to_thread(self._copy, files)
        if copied:
            await self._keep(copied)
        if missing:
            await self._recall(missing)
        self.blocked_reason = blocked
        if blocked:
            raise Unavailable(blocked)
        return True

    def _copy(
        self, files: Sequence[FileRow]
    ) -> tuple[list[tuple[FileRow, int | None]], list[FileRow], str | None]:
        """Returns files that are in the cache with their CRC-32, the others, and why it is full.

        Blocking.
        """
        copied: list[tuple[FileRow, int | None]] = []
        missing: list[FileRow] = []
        for file in files:
            if self._cache.contains(file.sha256, file.size):
                copied.append((file, None))
                continue
            if self._cache.free_bytes() < self._spare + file.size:
                return copied, missing, "the disk of the cache is full: files that stay online wait"
            key = file.part_key
            try:
                crc32 = self._intake.copy(
                    self._cache, file.path, key=key, sha256=file.sha256, size=file.size
                )
            except InUse:  # a recall of the same file arrives
                missing.append(file)
                continue
            except OSError as error:
                full = error.errno in (errno.ENOSPC, errno.EDQUOT)
                reason = "the disk of the cache is full" if full else f"the cache: {error}"
                return copied, missing, reason
            if crc32 is None:
                missing.append(file)
            else:
                copied.append((file, crc32))
        return copied, missing, None

    async def _keep(self, copied: Sequence[tuple[FileRow, int | None]]) -> None:
        """Protects contents for ever, then makes their files online."""
        files = [file for file, _ in copied]
        new = [file.sha256 for file, crc32 in copied if crc32 is None]
        known = await self._contents.crc32s(new) if new else {}
        for file, crc32 in copied:
            found = known.get(file.sha256) if crc32 is None else crc32
            content = Content(file.sha256, file.size)
            if found is None:
                found = await asyncio.to_thread(self._cache.crc32, content.sha256, content.size)
            await self._contents.retain(content, crc32=found or 0)
        ids = [file.id for file in files]
        await self._files.move_all(ids, {}, REQUESTABLE, "online", reason=None)
        await self._resident.mark_resident(files)
        log.info("files stay online", files=len(files), datasets=len({file.pid for file in files}))

    async def _recall(self, files: Sequence[FileRow]) -> None:
        """Queues files that are not in the intake folder; they are looked at again later."""
        now = datetime.now(UTC)
        broken = [file.id for file in files if file.state in BROKEN]
        waiting = [file.id for file in files if file.state not in BROKEN]
        fields = file_rows.requested_fields(now, now + self._deadline, priority=PRIORITY)
        await self._resident.postpone(broken, FAILED_CHECK_SECONDS)
        await self._resident.postpone(waiting, RECALL_CHECK_SECONDS)
        await self._enqueuer.enqueue(files, fields)
