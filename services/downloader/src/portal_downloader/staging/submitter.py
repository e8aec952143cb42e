"""Worker: submits queued files to the archive in batches; reconciles unconfirmed submissions."""

import asyncio
import time
from datetime import UTC, datetime

from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.worker import IDLE_SECONDS

from portal_downloader.archives.protocol import Archive, Busy, StageRefused
from portal_downloader.archives.wlcg_answers import ON_DISK
from portal_downloader.cache.eviction import CacheSpace
from portal_downloader.domain.batch_policy import BatchPolicy
from portal_downloader.domain.fair_share import FairShare
from portal_downloader.domain.states import AT_ARCHIVE, PENDING
from portal_downloader.settings import DownloaderSettings
from portal_downloader.store.queue import QueuedFiles
from portal_downloader.store.rows.file import FileRow
from portal_downloader.store.stores import Stores

log = logger(__name__)

FILES_PER_RECONCILIATION = 1000
IDLE_COST_FACTOR = 10  # times the duration of a check that found nothing to submit
MAX_WAIT_FOR_CAPACITY_SECONDS = 60.0  # then a small request goes: others may be stuck


class Submitter:
    """Submits batches while the archive and the cache have capacity."""

    def __init__(
        self,
        settings: DownloaderSettings,
        stores: Stores,
        *,
        archive: Archive,
        space: CacheSpace,
    ) -> None:
        self._policy = BatchPolicy(
            settings.window_seconds,
            settings.batch_files,
            settings.most_under_way,
            settings.most_tapes,
        )
        self._max_files = settings.batch_files  # fewer after a refused request
        self._poll_seconds = settings.poll_seconds
        self._files = stores.files
        self._waiting = QueuedFiles(stores.files)
        self._batches = stores.batches
        self._archive = archive
        self._space = space
        self._reconciled = False
        self._busy_until = 0.0
        self._waiting_since: float | None = None  # for more capacity

    async def step(self) -> bool:
        """Submits one batch or reconciles one; returns False when there is nothing to do."""
        if time.monotonic() < self._busy_until:
            return False
        try:
            if not self._reconciled:
                await self._reconcile_all()
                self._reconciled = True
            unconfirmed = await self._batches.claim_unconfirmed()
            if unconfirmed is not None:
                await self._reconcile(unconfirmed)
                return True
            return await self._submit_next()
        except Busy as error:
            self._busy_until = time.monotonic() + error.seconds
            raise

    async def _submit_next(self) -> bool:
        """Submits a batch; without one, rests in proportion to the cost of finding that out."""
        started = time.monotonic()
        if await self._try_submit(datetime.now(UTC)):
            return True
        await asyncio.sleep(
            IDLE_COST_FACTOR * (time.monotonic() - started)
        )  # the query over a long queue is expensive
        return False

    async def _try_submit(self, now: datetime) -> bool:
        """Submits the next batch; returns False while there is none, or no capacity for it."""
        if not self._space.has_space:
            return False  # signalled when cache space is free
        queue = await self._waiting.snapshot(now)
        if queue.oldest is None:
            return False  # signalled when a file is queued
        staged, in_flight = await self._waiting.in_flight()
        count = staged + sum(entry.files for entry in in_flight)
        capacity = min(self._max_files, self._policy.capacity(count))
        if self._waits_for_capacity(capacity, queue.files):
            return False  # signalled when a file has arrived
        seconds = self._policy.seconds_left(oldest=queue.oldest, waiting=queue.files, now=now)
        if seconds:
            await asyncio.sleep(min(seconds, IDLE_SECONDS))
            return True
        batch = await self._batches.create()
        if await self._fill_batch(
            batch, now, capacity, FairShare(self._policy, queue.groups, in_flight)
        ):
            self._waiting_since = None
            await self._submit(batch)
            return True
        await self._batches.delete(batch)
        return False

    def _waits_for_capacity(self, capacity: int, waiting: int) -> bool:
        """Returns whether to wait until more files can be submitted together; not for long."""
        if self._policy.is_large_enough(capacity, max_files=self._max_files, waiting=waiting):
            return False
        now = time.monotonic()
        if not capacity or self._waiting_since is None:
            self._waiting_since = now
        return not capacity or now < self._waiting_since + MAX_WAIT_FOR_CAPACITY_SECONDS

    async def _fill_batch(self, batch: str, now: datetime, capacity: int, shares: FairShare) -> int:
        """Moves whole groups into the batch, by fair share; returns how many files."""
        count = 0
        while count < capacity and (group := shares.next_group()) is not None:
            files = await self._waiting.next_of_group(group, now, capacity - count)
            count += await self._files.move_all(
                [file for file, _ in files], {"batch": None}, ("queued",), "submitted", batch=batch
            )
            shares.charge(requester for _, requester in files)
        return count

    async def _submit(self, batch: str) -> None:
        """Sends the batch to the archive as a stage request."""
        files = await self._files.in_batch(batch, ("submitted",))
        if not files:
            await self._batches.delete(batch)
            return
        try:
            stage_id = await self._archive.stage(list(dict.fromkeys(f.path for f in files)))
        except StageRefused as error:
            await self._split(batch, files, error.reason)
            return
        except Unavailable:
            await self._batches.mark_unconfirmed(batch)
            raise
        if not stage_id:
            await self._batches.mark_unconfirmed(batch)
            raise Unavailable("the archive does not support stage requests")
        await self._batches.mark_submitted(batch, stage_id, self._poll_seconds)
        self._max_files = min(self._max_files * 2, self._policy.max_files)
        log.info("stage request accepted", stage_id=stage_id, files=len(files))
        await self._cancel_unwanted(batch, stage_id, files)

    async def _cancel_unwanted(self, batch: str, stage_id: str, files: list[FileRow]) -> None:
        """Cancels files that were released while the request was being submitted.

        Whoever released them knew no stage request to cancel; from now on it is known.
        """
        wanted = {
            file.id
            for file in await self._files.by_id([file.id for file in files], PENDING)
            if file.batch == batch or file.stage_id == stage_id
        }
        for file in files:
            if file.id not in wanted:
                await self._batches.enqueue_release(file, stage_id)

    async def _split(self, batch: str, files: list[FileRow], reason: str) -> None:
        """Retries a refused request in halves, so that one invalid file does not block others."""
        log.warning("stage request refused", files=len(files), reason=reason)
        if len(files) == 1:
            await self._files.move(
                {"batch": batch}, AT_ARCHIVE, "failed", reason=reason, batch=None
            )
        else:
            self._max_files = max(1, len(files) // 2)
            await self._files.move({"batch": batch}, AT_ARCHIVE, "queued", batch=None)
        await self._batches.delete(batch)

    async def _reconcile(self, batch: str) -> None:
        """Resolves an unconfirmed submission: files on disk are staged, the others queued again."""
        files = await self._files.in_batch(batch, AT_ARCHIVE)
        await self._mark_on_disk_staged(files)
        await self._files.move({"batch": batch}, AT_ARCHIVE, "queued", batch=None)
        await self._batches.delete(batch)
        log.info("unconfirmed stage request reconciled", files=len(files))

    async def _reconcile_all(self) -> None:
        """Marks files staged that reached the archive's disk while no downloader was running."""
        portion: list[FileRow] = []
        async for file in self._files.in_states(AT_ARCHIVE):
            portion.append(file)
            if len(portion) == FILES_PER_RECONCILIATION:
                await self._mark_on_disk_staged(portion)
                portion = []
        await self._mark_on_disk_staged(portion)

    async def _mark_on_disk_staged(self, files: list[FileRow]) -> None:
        """Moves those of these files that are on the archive's disk to `staged`."""
        if not files:
            return
        localities = await self._archive.localities([f.path for f in files])
        on_disk = [f.id for f in files if localities[f.path] in ON_DISK]
        stage_ids = {f.batch: await self._batches.stage_id(f.batch) for f in files if f.batch}
        for batch, stage_id in stage_ids.items():
            which = {"batch": batch}
            await self._files.move_all(
                on_disk, which, AT_ARCHIVE, "staged", batch=None, stage_id=stage_id
            )
