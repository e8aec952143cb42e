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
from portal_shared.runtime.mongo import Doc

from portal_downloader.cache.disk import Cache, InUse
from portal_downloader.cache.intake import Intake
from portal_downloader.domain import file_rows
from portal_downloader.domain.states import BROKEN, REQUESTABLE
from portal_downloader.settings import DownloaderSettings
from portal_downloader.staging.queue import Enqueuer
from portal_downloader.store.contents import Content
from portal_downloader.store.file_row import FileRow
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
        rows = await self._resident.to_copy(FILES_PER_STEP)
        if not rows:
            return False
        withdrawn = await self._datasets.withdrawn({row["pid"] for row in rows})
        if withdrawn:  # before their lists arrived
            await self._resident.release(sorted(withdrawn))
            rows = [row for row in rows if row["pid"] not in withdrawn]
        copied, missing, blocked = await asyncio.to_thread(self._copy, rows)
        if copied:
            await self._keep(copied)
        if missing:
            await self._recall(missing)
        self.blocked_reason = blocked
        if blocked:
            raise Unavailable(blocked)
        return True

    def _copy(
        self, rows: Sequence[Doc]
    ) -> tuple[list[tuple[Doc, int | None]], list[Doc], str | None]:
        """Returns files that are in the cache with their CRC-32, the others, and why it is full.

        Blocking.
        """
        copied: list[tuple[Doc, int | None]] = []
        missing: list[Doc] = []
        for row in rows:
            if self._cache.contains(row["sha256"], row["size"]):
                copied.append((row, None))
                continue
            if self._cache.free_bytes() < self._spare + row["size"]:
                return copied, missing, "the disk of the cache is full: files that stay online wait"
            key = FileRow.from_row(row).part_key
            try:
                crc32 = self._intake.copy(
                    self._cache, row["path"], key=key, sha256=row["sha256"], size=row["size"]
                )
            except InUse:  # a recall of the same file arrives
                missing.append(row)
                continue
            except OSError as error:
                full = error.errno in (errno.ENOSPC, errno.EDQUOT)
                reason = "the disk of the cache is full" if full else f"the cache: {error}"
                return copied, missing, reason
            if crc32 is None:
                missing.append(row)
            else:
                copied.append((row, crc32))
        return copied, missing, None

    async def _keep(self, copied: Sequence[tuple[Doc, int | None]]) -> None:
        """Protects contents for ever, then makes their files online."""
        rows = [row for row, _ in copied]
        new = [row["sha256"] for row, crc32 in copied if crc32 is None]
        known = await self._contents.crc32s(new) if new else {}
        for row, crc32 in copied:
            found = known.get(row["sha256"]) if crc32 is None else crc32
            content = Content(row["sha256"], row["size"])
            if found is None:
                found = await asyncio.to_thread(self._cache.crc32, content.sha256, content.size)
            await self._contents.retain(content, crc32=found or 0)
        ids = [row["_id"] for row in rows]
        await self._files.move_all(ids, {}, REQUESTABLE, "online", reason=None)
        await self._resident.mark_resident(rows)
        log.info("files stay online", files=len(rows), datasets=len({row["pid"] for row in rows}))

    async def _recall(self, rows: Sequence[Doc]) -> None:
        """Queues files that are not in the intake folder; they are looked at again later."""
        now = datetime.now(UTC)
        broken = [row["_id"] for row in rows if row["state"] in BROKEN]
        waiting = [row["_id"] for row in rows if row["state"] not in BROKEN]
        fields = file_rows.requested_fields(now, now + self._deadline, priority=PRIORITY)
        await self._resident.postpone(broken, FAILED_CHECK_SECONDS)
        await self._resident.postpone(waiting, RECALL_CHECK_SECONDS)
        await self._enqueuer.enqueue([FileRow.from_row(row) for row in rows], fields)
