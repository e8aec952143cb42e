"""Stages what is queued, in batches; finds out what became of submissions cut off in the middle."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from portal_shared.errors import Unavailable
from portal_shared.observe import logger
from portal_shared.workers import IDLE_SECONDS

from portal_downloader.archive_answers import ON_DISK
from portal_downloader.batches import Batches
from portal_downloader.batching import Batching
from portal_downloader.rows import FileRow, Files
from portal_downloader.settings import DownloaderSettings
from portal_downloader.states import AT_ARCHIVE
from portal_downloader.tape import Busy, Tape, TooMuch

log = logger(__name__)

LOOK_AHEAD = 2000
RECONCILED_AT_ONCE = 1000


class Submitting:
    def __init__(
        self,
        settings: DownloaderSettings,
        *,
        files: Files,
        batches: Batches,
        tape: Tape,
        ring: Callable[[], None],
    ) -> None:
        self._batching = Batching(settings.window_seconds, settings.batch_files)
        self._most = settings.batch_files  # less after a request was too much
        self._poll_seconds = settings.poll_seconds
        self._files = files
        self._batches = batches
        self._tape = tape
        self._ring = ring
        self._reconciled = False
        self._leave_alone_until = 0.0

    async def step(self) -> bool:
        """One batch; False when nothing is due."""
        if time.monotonic() < self._leave_alone_until:
            return False
        try:
            if not self._reconciled:
                await self._reconcile_all()
                self._reconciled = True
            doubtful = await self._batches.claim_doubtful()
            if doubtful is not None:
                await self._reconcile(doubtful)
                return True
            return await self._submit_next()
        except Busy as error:
            self._leave_alone_until = time.monotonic() + error.seconds
            raise

    async def _submit_next(self) -> bool:
        now = datetime.now(UTC)
        oldest = await self._files.next_queued()
        if oldest is None:
            return False
        waiting = await self._files.queued(now, self._batching.most)
        left = self._batching.seconds_left(oldest=oldest, waiting=len(waiting), now=now)
        if left:
            await asyncio.sleep(min(left, IDLE_SECONDS))
            return True
        cohort_ends = min(now, self._batching.cohort_ends(oldest))
        cohort = await self._files.queued(cohort_ends, LOOK_AHEAD)
        paths = Batching(self._batching.window, self._most).first([f.path for f in cohort])
        await self._submit(cohort[: len(paths)])
        return True

    async def _submit(self, files: list[FileRow]) -> None:
        batch = await self._batches.intend()
        ids = [f.id for f in files]
        await self._files.move_all(ids, {"batch": None}, ("queued",), "submitted", batch=batch)
        ours = await self._files.of_batch(batch, ("submitted",))
        if not ours:
            await self._batches.end(batch)
            return
        try:
            stage_id = await self._tape.stage(list(dict.fromkeys(f.path for f in ours)))
        except TooMuch as error:
            await self._divide(batch, ours, error.reason)
            return
        except Unavailable:
            await self._batches.doubtful(batch)
            raise
        if not stage_id:
            await self._batches.doubtful(batch)
            raise Unavailable("the archive knows no stage requests")
        await self._batches.accepted(batch, stage_id, self._poll_seconds)
        self._most = min(self._most * 2, self._batching.most)
        log.info("stage request accepted", stage_id=stage_id, files=len(ours))
        self._ring()

    async def _divide(self, batch: str, files: list[FileRow], reason: str) -> None:
        """Smaller requests, until what is wrong stands alone: it must not block the others."""
        log.warning("stage request refused", files=len(files), reason=reason)
        if len(files) == 1:
            await self._files.move(
                {"batch": batch}, AT_ARCHIVE, "failed", reason=reason, batch=None
            )
        else:
            self._most = max(1, len(files) // 2)
            await self._files.move({"batch": batch}, AT_ARCHIVE, "queued", batch=None)
        await self._batches.end(batch)
        self._ring()

    async def _reconcile(self, batch: str) -> None:
        """Accepted or not: what is on disk is staged, the rest is asked for again."""
        ours = await self._files.of_batch(batch, AT_ARCHIVE)
        await self._note_on_disk(ours)
        await self._files.move({"batch": batch}, AT_ARCHIVE, "queued", batch=None)
        await self._batches.end(batch)
        log.info("doubtful stage request reconciled", files=len(ours))
        self._ring()

    async def _reconcile_all(self) -> None:
        """Before any new work: what came to the archive's disk while we were away."""
        portion: list[FileRow] = []
        async for file in self._files.in_states(AT_ARCHIVE):
            portion.append(file)
            if len(portion) == RECONCILED_AT_ONCE:
                await self._note_on_disk(portion)
                portion = []
        await self._note_on_disk(portion)

    async def _note_on_disk(self, files: list[FileRow]) -> None:
        if not files:
            return
        localities = await self._tape.localities([f.path for f in files])
        there = [f.id for f in files if localities[f.path] in ON_DISK]
        stage_ids = {f.batch: await self._batches.stage_id(f.batch) for f in files if f.batch}
        for batch, stage_id in stage_ids.items():
            which = {"batch": batch}
            await self._files.move_all(
                there, which, AT_ARCHIVE, "staged", batch=None, stage_id=stage_id
            )
        if there:
            self._ring()
