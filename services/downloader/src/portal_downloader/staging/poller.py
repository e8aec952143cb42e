"""Looks how far the archive is with what it was asked for, less often the slower it is."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from portal_shared.runtime.errors import PortalError
from portal_shared.runtime.logs import logger
from portal_shared.runtime.worker import IDLE_SECONDS

from portal_downloader.archives.protocol import Archive, Busy
from portal_downloader.archives.wlcg_answers import ON_DISK, FileTold, Locality
from portal_downloader.domain.states import AT_ARCHIVE, UNDER_WAY, Patience, after_failure
from portal_downloader.settings import DownloaderSettings
from portal_downloader.store.batches import Batch
from portal_downloader.store.files import FileRow
from portal_downloader.store.stores import Stores

log = logger(__name__)

SLOWER = 1.5
EXPIRED_AT_ONCE = 1000
LOOK_COST = 50  # times as long as a look for what is overdue took, until the next


class Polling:
    def __init__(self, settings: DownloaderSettings, stores: Stores, tape: Archive) -> None:
        self._first_pause = settings.poll_seconds
        self._longest_pause = settings.poll_longest
        self._patience = Patience(
            settings.most_attempts, settings.retry_seconds, settings.poll_longest
        )
        self._deadline_seconds = settings.deadline_seconds
        self._files = stores.files
        self._batches = stores.batches
        self._tape = tape
        self._expire_at = 0.0

    async def step(self) -> bool:
        """One batch that is due, and some that is overdue; False when there is none."""
        more = await self._expire()
        batch = await self._batches.claim_due()
        if batch is None:
            if more:
                return True
            left = await self._batches.seconds_to_next()
            if left < IDLE_SECONDS:
                await asyncio.sleep(left)
                return True
            return False
        try:
            moved = await self._look(batch)
        except Busy as error:
            await self._batches.look_again(batch.id, max(error.seconds, self._slower(batch)))
            raise
        except PortalError:
            await self._batches.look_again(batch.id, self._slower(batch))
            raise
        if not await self._files.of_batch(batch.id, AT_ARCHIVE):
            await self._batches.end(batch.id)
        else:
            pause = self._first_pause if moved else self._slower(batch)
            await self._batches.look_again(batch.id, pause)
        return True

    def _slower(self, batch: Batch) -> float:
        pause = max(batch.pause, self._first_pause) * SLOWER
        return min(pause, self._longest_pause) * random.uniform(0.9, 1.1)  # noqa: S311  # jitter

    async def _look(self, batch: Batch) -> int:
        """How many files have moved on."""
        files = await self._files.of_batch(batch.id, AT_ARCHIVE)
        if not files:
            return 0
        told = await self._tape.progress(batch.stage_id, [f.path for f in files])
        if told is None:
            return await self._forgotten(batch, files)
        by_progress: dict[str, list[FileRow]] = {}
        for file in files:
            found = told.get(file.path)
            by_progress.setdefault(found.progress if found else "untold", []).append(file)
        moved = await self._staged(batch, by_progress.get("staged", []))
        started = [f.id for f in by_progress.get("started", ()) if f.state == "submitted"]
        ours = {"batch": batch.id}
        moved += await self._files.move_all(started, ours, ("submitted",), "staging")
        cancelled = [f.id for f in by_progress.get("cancelled", ())]
        moved += await self._files.move_all(cancelled, ours, AT_ARCHIVE, "queued", batch=None)
        moved += await self._failed(batch, by_progress.get("failed", []), told)
        return moved + await self._untold(batch, by_progress.get("untold", []))

    async def _staged(self, batch: Batch, files: Sequence[FileRow]) -> int:
        return await self._files.move_all(
            [f.id for f in files],
            {"batch": batch.id},
            AT_ARCHIVE,
            "staged",
            batch=None,
            stage_id=batch.stage_id,
        )

    async def _forgotten(self, batch: Batch, files: Sequence[FileRow]) -> int:
        """The archive knows nothing of the request: what it has on disk counts all the same."""
        log.warning("stage request forgotten", stage_id=batch.stage_id, files=len(files))
        localities = await self._tape.localities([f.path for f in files])
        there = [f for f in files if localities[f.path] in ON_DISK]
        moved = await self._staged(batch, there)
        moved += await self._files.move({"batch": batch.id}, AT_ARCHIVE, "queued", batch=None)
        return moved

    async def _untold(self, batch: Batch, files: Sequence[FileRow]) -> int:
        """Left out of the answer: on disk or not, the archive is not busy with them."""
        if not files:
            return 0
        localities = await self._tape.localities([f.path for f in files])
        moved = 0
        for file in files:
            found = localities[file.path]
            if found in ON_DISK:
                moved += await self._staged(batch, [file])
            else:
                moved += await self._give_up(batch, file, "left out of the answer", found)
        return moved

    async def _failed(
        self, batch: Batch, files: Sequence[FileRow], told: Mapping[str, FileTold]
    ) -> int:
        if not files:
            return 0
        localities = await self._tape.localities([f.path for f in files])
        return sum(
            [await self._give_up(batch, f, told[f.path].reason, localities[f.path]) for f in files]
        )

    async def _give_up(self, batch: Batch, file: FileRow, reason: str, found: Locality) -> int:
        """This recall of it; another follows if that may help."""
        verdict = after_failure(
            reason, attempt=file.attempt, locality=found, patience=self._patience
        )
        log.warning("recall failed", path=file.path, reason=reason, next=verdict.state)
        return await self._files.move(
            {"_id": file.id, "batch": batch.id},
            AT_ARCHIVE,
            verdict.state,
            reason=verdict.reason,
            attempt=verdict.attempt,
            not_before=datetime.now(UTC) + timedelta(seconds=verdict.pause),
            batch=None,
        )

    async def _expire(self) -> bool:
        """Nothing waits for ever. Whether more is overdue than was seen to."""
        began = time.monotonic()
        if began < self._expire_at:
            return False
        overdue = await self._files.overdue(datetime.now(UTC), UNDER_WAY, EXPIRED_AT_ONCE)
        looked = time.monotonic()
        for file in overdue:
            reason = f"not here {self._deadline_seconds:.0f} s after it was asked for"
            known = await self._batches.let_go(file)
            ours = {"_id": file.id, "stage_id": file.stage_id, "batch": file.batch}
            moved = await self._files.move(  # else it is found once more
                ours, UNDER_WAY, "expired", reason=reason, batch=None, stage_id=None
            )
            if moved and not known:  # asked for meanwhile
                await self._batches.let_go(file)
        if len(overdue) == EXPIRED_AT_ONCE:
            return True
        self._expire_at = time.monotonic() + max(IDLE_SECONDS, LOOK_COST * (looked - began))
        return False
