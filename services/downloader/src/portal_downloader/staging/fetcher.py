"""Copies what is staged from the archive's disk into the cache, and verifies it.

Nothing is online that was not verified. What comes and is something else is quarantined and staged
once more. A copy that is cut off goes on where it was.
"""

import asyncio
import contextlib
import errno
import time
from datetime import UTC, datetime, timedelta
from typing import Literal

from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import logger

from portal_downloader.archives.protocol import Archive, Body, CutOff, NotThere
from portal_downloader.cache.disk import CHUNK, Incoming, InUse
from portal_downloader.cache.eviction import Room, TooLarge
from portal_downloader.domain.estimates import Pace
from portal_downloader.domain.states import Patience, State, after_failure
from portal_downloader.settings import DownloaderSettings
from portal_downloader.staging.claims import Claiming
from portal_downloader.store.files import FileRow
from portal_downloader.store.stores import Stores

log = logger(__name__)

STUMBLES = 5  # times the bytes of a file may be cut off before it is staged again
MISMATCHES = 2
IN_USE_SECONDS = 1.0
FULL = (errno.ENOSPC, errno.EDQUOT)

Outcome = Literal["here", "other", "gone", "cut", "not ours", "too large"]


class Fetching:
    def __init__(
        self,
        settings: DownloaderSettings,
        *,
        stores: Stores,
        tape: Archive,
        room: Room,
        pace: Pace,
    ) -> None:
        self._patience = Patience(
            settings.most_attempts, settings.retry_seconds, settings.poll_longest
        )
        self._renew_after = settings.lease_seconds / 3
        self._files = stores.files
        self._claiming = Claiming(stores.files, settings.lease_seconds)
        self._batches = stores.batches
        self._tape = tape
        self._cache = stores.cache
        self._contents = stores.contents
        self._room = room
        self._pace = pace
        self._keep_seconds = settings.keep_seconds

    async def step(self) -> bool:
        """Claim a staged file and copy it; False when there is none."""
        file = await self._claiming.next()
        if file is None:
            return False
        try:
            outcome, reason = await self._copied(file)
        except (OSError, Unavailable, asyncio.CancelledError) as error:
            with contextlib.suppress(Unavailable):  # else the lease ends by itself
                await asyncio.shield(self._give_back(file, pause=0))
            if isinstance(error, OSError):
                if error.errno in FULL:
                    self._room.disk_full()
                raise Unavailable(f"the cache: {error}") from error
            raise
        await self._after(file, outcome, reason)
        return True

    async def _after(self, file: FileRow, outcome: Outcome, reason: str) -> None:
        if outcome == "here":
            await self._settle(file, "online", reason=None)
            self._pace.note(time.monotonic(), file.size)
        elif outcome == "other":
            await self._mismatched(file, reason)
        elif outcome == "too large":
            await self._settle(file, "failed", reason=reason)
        elif outcome == "gone":
            await self._stage_again(file, reason)
        elif outcome == "cut" and file.stumbles + 1 < STUMBLES:
            await self._give_back(file, pause=self._patience.retry_seconds, stumbled=True)
        elif outcome == "cut":
            await self._stage_again(file, reason)
        else:
            await self._give_back(file, pause=IN_USE_SECONDS)

    async def _copied(self, file: FileRow) -> tuple[Outcome, str]:
        if await asyncio.to_thread(self._cache.holds, file.sha256, file.size):
            await self._note_content(file, None)
            return "here", ""
        there = await asyncio.to_thread(self._cache.part_size, file.part)
        try:
            await self._room.reserve(file.part, max(0, file.size - there))
        except TooLarge as error:
            return "too large", error.reason
        arrived = 0
        try:
            incoming = await asyncio.to_thread(self._cache.incoming, file.part)
            try:
                outcome, reason = await self._filled(file, incoming)
            finally:
                incoming.close()
        except InUse:
            return "not ours", ""
        else:
            arrived = file.size if outcome == "here" else 0
            return outcome, reason
        finally:
            self._room.free(file.part, arrived=arrived)

    async def _note_content(self, file: FileRow, crc32: int | None) -> None:
        """In the cache for all to see, before any file is said to be online."""
        if crc32 is None:
            known = await self._contents.crc32s([file.sha256])
            crc32 = known.get(file.sha256)
        if crc32 is None:
            crc32 = await asyncio.to_thread(self._cache.crc32, file.sha256, file.size)
        await self._contents.arrived(
            file.sha256, size=file.size, crc32=crc32 or 0, keep=self._keep_seconds
        )

    async def _filled(self, file: FileRow, incoming: Incoming) -> tuple[Outcome, str]:
        before = incoming.size
        if incoming.size < file.size:
            outcome, reason = await self._read(file, incoming)
            if outcome != "here":
                return outcome, reason
        if (incoming.size, incoming.sha256) == (file.size, file.sha256):
            await asyncio.to_thread(incoming.keep)
            await self._note_content(file, incoming.crc32)
            return "here", ""
        reason = _difference(file, incoming)
        if before > 0:  # the half that was there may be the wrong one
            await asyncio.to_thread(incoming.restart)
            return "cut", reason
        name = await asyncio.to_thread(incoming.quarantine)
        log.error("quarantined", path=file.path, pid=file.pid, reason=reason, kept_as=name)
        return "other", reason

    async def _read(self, file: FileRow, incoming: Incoming) -> tuple[Outcome, str]:
        """From where it was to the end, or until more comes than the file has."""
        try:
            async with self._tape.reading(file.path, incoming.size) as body:
                if body.start != incoming.size:
                    await asyncio.to_thread(incoming.restart)
                return await self._pour(file, incoming, body)
        except NotThere as error:
            return "gone", error.reason
        except CutOff as error:
            return "cut", error.reason

    async def _pour(self, file: FileRow, incoming: Incoming, body: Body) -> tuple[Outcome, str]:
        renewed = time.monotonic()
        waiting = bytearray()
        try:
            async for chunk in body.chunks:
                waiting += chunk
                if len(waiting) < CHUNK:
                    continue
                portion = bytes(waiting)
                waiting.clear()  # also where there is no room for it: not written twice
                await asyncio.to_thread(incoming.write, portion)
                if incoming.size > file.size:
                    break
                if time.monotonic() - renewed > self._renew_after:
                    if not await self._files.extend(file):
                        return "not ours", ""
                    renewed = time.monotonic()
        finally:  # what came before the line was cut counts
            incoming.write(bytes(waiting))
        return "here", ""

    async def _mismatched(self, file: FileRow, reason: str) -> None:
        if file.mismatches + 1 < MISMATCHES:
            await self._settle(
                file, "queued", reason=reason, mismatches=file.mismatches + 1, not_before=_now()
            )
        else:
            await self._settle(file, "failed", reason=reason, mismatches=file.mismatches + 1)

    async def _stage_again(self, file: FileRow, reason: str) -> None:
        """It is not where the archive said."""
        verdict = after_failure(
            reason, attempt=file.attempt, locality="TAPE", patience=self._patience
        )
        await self._settle(
            file,
            verdict.state,
            reason=verdict.reason,
            attempt=verdict.attempt,
            stumbles=0,
            not_before=_now(verdict.pause),
        )

    async def _settle(self, file: FileRow, to: State, **fields: object) -> None:
        """Unless it is not ours any more, or not the same file.

        Its pin is let go first, so that none is forgotten where this is cut off: the pin that it
        has by now, for it may have been renewed meanwhile.
        """
        while (pinned := await self._files.ours(file)) is not None:
            await self._batches.let_go(pinned)
            ours = {"_id": file.id, "owner": file.owner, "stage_id": pinned.stage_id}
            if await self._files.move(ours, ("staged",), to, batch=None, stage_id=None, **fields):
                return

    async def _give_back(self, file: FileRow, *, pause: float, stumbled: bool = False) -> None:
        ours = {"_id": file.id, "owner": file.owner}
        await self._files.move(
            ours,
            ("staged",),
            "staged",
            until=_now(),
            not_before=_now(pause),
            stumbles=file.stumbles + int(stumbled),
        )


def _difference(file: FileRow, incoming: Incoming) -> str:
    if incoming.size != file.size:
        return f"checksum: {incoming.size} bytes came, not {file.size}"
    return f"checksum: SHA-256 {incoming.sha256} came, not {file.sha256}"


def _now(seconds: float = 0) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
