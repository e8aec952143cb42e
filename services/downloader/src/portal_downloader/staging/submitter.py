"""Stages what is queued, in batches; finds out what became of submissions cut off in the middle."""

import asyncio
import time
from datetime import UTC, datetime

from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.worker import IDLE_SECONDS

from portal_downloader.archives.protocol import Archive, Busy, TooMuch
from portal_downloader.archives.wlcg_answers import ON_DISK
from portal_downloader.cache.eviction import Room
from portal_downloader.domain.batching import Batching
from portal_downloader.domain.fair_share import Turns
from portal_downloader.domain.states import AT_ARCHIVE, UNDER_WAY
from portal_downloader.settings import DownloaderSettings
from portal_downloader.store.files import FileRow
from portal_downloader.store.queue import Waiting
from portal_downloader.store.stores import Stores

log = logger(__name__)

RECONCILED_AT_ONCE = 1000
RESTS = 10  # times as long as a look took that found nothing to submit
HELD_SECONDS = 60.0  # no longer is a small request held back: what is staged may be stuck


class Submitting:
    def __init__(
        self,
        settings: DownloaderSettings,
        stores: Stores,
        *,
        tape: Archive,
        room: Room,
    ) -> None:
        self._batching = Batching(
            settings.window_seconds,
            settings.batch_files,
            settings.most_under_way,
            settings.most_tapes,
        )
        self._most = settings.batch_files  # less after a request was too much
        self._poll_seconds = settings.poll_seconds
        self._files = stores.files
        self._waiting = Waiting(stores.files)
        self._batches = stores.batches
        self._tape = tape
        self._room = room
        self._reconciled = False
        self._leave_alone_until = 0.0
        self._held_since: float | None = None  # for more room

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
        began = time.monotonic()
        if await self._submitted(datetime.now(UTC)):
            return True
        await asyncio.sleep(RESTS * (time.monotonic() - began))  # looks over much are dear
        return False

    async def _submitted(self, now: datetime) -> bool:
        """The next batch; False while there is none, or no room for it."""
        if not self._room.admits:
            return False  # woken when something is gone
        queue = await self._waiting.queue(now)
        if queue.oldest is None:
            return False  # woken when something is queued
        staged, loads = await self._waiting.loads()
        under_way = staged + sum(load.files for load in loads)
        most = min(self._most, self._batching.admitted(under_way))
        if self._is_held(most, queue.files):
            return False  # woken when something has come
        left = self._batching.seconds_left(oldest=queue.oldest, waiting=queue.files, now=now)
        if left:
            await asyncio.sleep(min(left, IDLE_SECONDS))
            return True
        batch = await self._batches.intend()
        if await self._gather(batch, now, most, Turns(self._batching, queue.heaps, loads)):
            self._held_since = None
            await self._submit(batch)
            return True
        await self._batches.end(batch)
        return False

    def _is_held(self, room: int, waiting: int) -> bool:
        """Whether more room is to be waited for; not for long, where there is some."""
        if self._batching.is_worth_it(room, most=self._most, waiting=waiting):
            return False
        now = time.monotonic()
        if not room or self._held_since is None:
            self._held_since = now
        return not room or now < self._held_since + HELD_SECONDS

    async def _gather(self, batch: str, now: datetime, most: int, turns: Turns) -> int:
        """Whole groups into this batch, each that of whoever leads then; how many files."""
        gathered = 0
        while gathered < most and (group := turns.next()) is not None:
            found = await self._waiting.of_group(group, now, most - gathered)
            gathered += await self._files.move_all(
                [file for file, _ in found], {"batch": None}, ("queued",), "submitted", batch=batch
            )
            turns.took(requester for _, requester in found)
        return gathered

    async def _submit(self, batch: str) -> None:
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
        await self._call_off_unwanted(batch, stage_id, ours)

    async def _call_off_unwanted(self, batch: str, stage_id: str, files: list[FileRow]) -> None:
        """What was given up while it was asked for: who did that knew no request to cancel.

        From now on whoever gives up a file of this batch knows it.
        """
        wanted = {
            file.id
            for file in await self._files.by_id([file.id for file in files], UNDER_WAY)
            if file.batch == batch or file.stage_id == stage_id
        }
        for file in files:
            if file.id not in wanted:
                await self._batches.call_off(file, stage_id)

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

    async def _reconcile(self, batch: str) -> None:
        """Accepted or not: what is on disk is staged, the rest is asked for again."""
        ours = await self._files.of_batch(batch, AT_ARCHIVE)
        await self._note_on_disk(ours)
        await self._files.move({"batch": batch}, AT_ARCHIVE, "queued", batch=None)
        await self._batches.end(batch)
        log.info("doubtful stage request reconciled", files=len(ours))

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
