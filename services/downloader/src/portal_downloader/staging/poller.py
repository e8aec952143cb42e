"""Worker: polls stage requests at the archive, less often the slower they progress."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from portal_shared.runtime.errors import PortalError
from portal_shared.runtime.logs import logger
from portal_shared.runtime.worker import IDLE_SECONDS

from portal_downloader.archives.protocol import Archive, Busy
from portal_downloader.archives.wlcg_answers import ON_DISK, FileProgress, Locality
from portal_downloader.domain.states import AT_ARCHIVE, PENDING, RetryPolicy, decide_retry
from portal_downloader.settings import DownloaderSettings
from portal_downloader.store.batches import Batch
from portal_downloader.store.rows.file import FileRow
from portal_downloader.store.stores import Stores

log = logger(__name__)

BACKOFF_FACTOR = 1.5  # from one pause to the next
EXPIRED_PER_STEP = 1000  # files
CHECK_COST_FACTOR = 50  # times the duration of a check for overdue files, until the next


class Poller:
    """Moves files on as the archive reports their progress, and expires overdue ones."""

    def __init__(self, settings: DownloaderSettings, stores: Stores, archive: Archive) -> None:
        self._first_pause = settings.poll_seconds
        self._longest_pause = settings.poll_longest
        self._retry_policy = RetryPolicy(
            settings.most_attempts, settings.retry_seconds, settings.poll_longest
        )
        self._deadline_seconds = settings.deadline_seconds
        self._files = stores.files
        self._batches = stores.batches
        self._archive = archive
        self._next_expiry_check = 0.0

    async def step(self) -> bool:
        """Polls one batch and expires overdue files; returns False when there is nothing to do."""
        more = await self._expire()
        batch = await self._batches.claim_submitted()
        if batch is None:
            if more:
                return True
            left = await self._batches.seconds_to_next()
            if left < IDLE_SECONDS:
                await asyncio.sleep(left)
                return True
            return False
        try:
            moved = await self._poll(batch)
        except Busy as error:
            await self._batches.postpone(batch.id, max(error.seconds, self._longer_pause(batch)))
            raise
        except PortalError:
            await self._batches.postpone(batch.id, self._longer_pause(batch))
            raise
        if not await self._files.in_batch(batch.id, AT_ARCHIVE):
            await self._batches.delete(batch.id)
        else:
            pause = self._first_pause if moved else self._longer_pause(batch)
            await self._batches.postpone(batch.id, pause)
        return True

    def _longer_pause(self, batch: Batch) -> float:
        """Returns the pause before the next poll of a batch that made no progress."""
        pause = max(batch.pause, self._first_pause) * BACKOFF_FACTOR
        return min(pause, self._longest_pause) * random.uniform(0.9, 1.1)  # noqa: S311  # jitter

    async def _poll(self, batch: Batch) -> int:
        """Applies the archive's answer to the files of a batch; returns how many moved on."""
        files = await self._files.in_batch(batch.id, AT_ARCHIVE)
        if not files:
            return 0
        progress = await self._archive.progress(batch.stage_id, [f.path for f in files])
        if progress is None:
            return await self._handle_unknown_request(batch, files)
        by_progress: dict[str, list[FileRow]] = {}
        for file in files:
            file_progress = progress.get(file.path)
            by_progress.setdefault(
                file_progress.progress if file_progress else "omitted", []
            ).append(file)
        moved = await self._mark_staged(batch, by_progress.get("staged", []))
        started = [f.id for f in by_progress.get("started", ()) if f.state == "submitted"]
        in_batch = {"batch": batch.id}
        moved += await self._files.move_all(started, in_batch, ("submitted",), "staging")
        cancelled = [f.id for f in by_progress.get("cancelled", ())]
        moved += await self._files.move_all(cancelled, in_batch, AT_ARCHIVE, "queued", batch=None)
        moved += await self._handle_failed(batch, by_progress.get("failed", []), progress)
        is_open = any(one.is_pending for one in progress.values())
        omitted = by_progress.get("omitted", [])
        return moved + await self._handle_omitted(batch, omitted, is_open=is_open)

    async def _mark_staged(self, batch: Batch, files: Sequence[FileRow]) -> int:
        """Moves files to `staged`, pinned by the batch's stage request."""
        return await self._files.move_all(
            [f.id for f in files],
            {"batch": batch.id},
            AT_ARCHIVE,
            "staged",
            batch=None,
            stage_id=batch.stage_id,
        )

    async def _handle_unknown_request(self, batch: Batch, files: Sequence[FileRow]) -> int:
        """Handles a request the archive does not know: files on its disk are staged, the others
        queued.
        """
        log.warning(
            "stage request unknown to the archive", stage_id=batch.stage_id, files=len(files)
        )
        localities = await self._archive.localities([f.path for f in files])
        on_disk = [f for f in files if localities[f.path] in ON_DISK]
        moved = await self._mark_staged(batch, on_disk)
        moved += await self._files.move({"batch": batch.id}, AT_ARCHIVE, "queued", batch=None)
        return moved

    async def _handle_omitted(
        self, batch: Batch, files: Sequence[FileRow], *, is_open: bool
    ) -> int:
        """Handles files that the answer leaves out: staged if on disk, lost if the archive says so.

        The others wait while the archive works on the request; then their recall has failed, and is
        cancelled in case the archive still works on them.
        """
        if not files:
            return 0
        localities = await self._archive.localities([f.path for f in files])
        moved = await self._mark_staged(batch, [f for f in files if localities[f.path] in ON_DISK])
        for file in files:
            locality = localities[file.path]
            if locality in ON_DISK or (is_open and locality != "LOST"):
                continue
            await self._batches.enqueue_release(file, batch.stage_id)
            moved += await self._fail_recall(
                batch, file, "missing in the archive's answer", locality
            )
        return moved

    async def _handle_failed(
        self, batch: Batch, files: Sequence[FileRow], progress: Mapping[str, FileProgress]
    ) -> int:
        """Fails the recalls of these files; returns how many moved on."""
        if not files:
            return 0
        localities = await self._archive.localities([f.path for f in files])
        return sum(
            [
                await self._fail_recall(batch, f, progress[f.path].reason, localities[f.path])
                for f in files
            ]
        )

    async def _fail_recall(
        self, batch: Batch, file: FileRow, reason: str, locality: Locality
    ) -> int:
        """Ends a failed recall; the file is queued again if another attempt may help."""
        decision = decide_retry(
            reason, attempt=file.attempt, locality=locality, policy=self._retry_policy
        )
        log.warning("recall failed", path=file.path, reason=reason, next=decision.state)
        return await self._files.move(
            {"_id": file.id, "batch": batch.id},
            AT_ARCHIVE,
            decision.state,
            reason=decision.reason,
            attempt=decision.attempt,
            not_before=datetime.now(UTC) + timedelta(seconds=decision.pause),
            batch=None,
        )

    async def _expire(self) -> bool:
        """Expires files whose deadline has passed; returns whether there may be more."""
        started = time.monotonic()
        if started < self._next_expiry_check:
            return False
        overdue = await self._files.overdue(datetime.now(UTC), PENDING, EXPIRED_PER_STEP)
        queried = time.monotonic()
        for file in overdue:
            reason = f"not recalled within {self._deadline_seconds:.0f} s"
            has_request = await self._batches.unpin(file)
            unchanged = {"_id": file.id, "stage_id": file.stage_id, "batch": file.batch}
            moved = await self._files.move(  # otherwise it is found again in the next step
                unchanged, PENDING, "expired", reason=reason, batch=None, stage_id=None
            )
            if moved and not has_request:  # its stage request may be known by now
                await self._batches.unpin(file)
        if len(overdue) == EXPIRED_PER_STEP:
            return True
        self._next_expiry_check = time.monotonic() + max(
            IDLE_SECONDS, CHECK_COST_FACTOR * (queried - started)
        )
        return False
