"""Worker: copies staged files from the archive's disk into the cache and verifies them.

A file is online only after verification. A file with a wrong checksum is quarantined and staged
once more. An interrupted copy continues where it stopped.
"""

import asyncio
import contextlib
import errno
import time
import uuid
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Literal

from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import ASCENDING, Doc, translate_errors

from portal_downloader.archives.protocol import Archive, Body, NotOnDisk, TransferInterrupted
from portal_downloader.cache.disk import READ_BYTES, Cache, IncomingFile, InUse
from portal_downloader.cache.eviction import CacheSpace, TooLarge
from portal_downloader.domain.estimates import Throughput
from portal_downloader.domain.states import RetryPolicy, State, decide_retry
from portal_downloader.metrics import COPY_SECONDS, RECALLED_BYTES, RECALLS
from portal_downloader.settings import DownloaderSettings
from portal_downloader.store.files import Files
from portal_downloader.store.rows.file import FileRow
from portal_downloader.store.stores import Stores

log = logger(__name__)

CANDIDATES_PER_QUERY = 500
CANDIDATES_SECONDS = 2.0  # candidates are used for at least so long
QUERY_COST_FACTOR = 20  # or for so many times the duration of the query
MAX_INTERRUPTIONS = 5  # of the transfers of a file, before it is staged again
MAX_MISMATCHES = 2  # wrong sizes or checksums, before a file has failed
IN_USE_SECONDS = 1.0  # before a file that another process writes is tried again
DISK_FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT)

Outcome = Literal["verified", "mismatch", "not on disk", "interrupted", "lease lost", "too large"]


class FileLeases:
    """Leases staged files to the fetchers, each file to one worker of all replicas.

    Candidates are queried in portions and leased one by one by id: searching all staged files for
    each lease would cost more the more there are. Candidates expire after a while, because copies
    may take long and files of higher rank may be staged meanwhile.
    """

    def __init__(self, files: Files, lease: float) -> None:
        self._rows = files.rows
        self._lease = timedelta(seconds=lease)
        self._ids: deque[str] = deque()
        self._valid_until = 0.0
        self._lock = asyncio.Lock()
        self._refills = 0

    async def acquire(self) -> FileRow | None:
        """Returns a staged file leased to the caller (`owner` in the row), or None."""
        while True:
            if not self._ids or time.monotonic() > self._valid_until:
                await self._refill()
            if not self._ids:
                return None
            claimed = await self._claim(self._ids.popleft())
            if claimed is not None:
                return claimed

    async def _refill(self) -> None:
        """Queries candidates, unless another worker of this process just did."""
        looks = self._refills
        async with self._lock:
            if self._refills > looks:
                return
            began = time.monotonic()
            which: Doc = {"state": "staged", **_free()}
            with translate_errors():
                rows = self._rows.find(which, {"_id": 1})
                rows = rows.sort([("not_before", ASCENDING), ("path", ASCENDING)])
                self._ids = deque([row["_id"] async for row in rows.limit(CANDIDATES_PER_QUERY)])
            self._refills += 1
            now = time.monotonic()
            self._valid_until = now + max(CANDIDATES_SECONDS, QUERY_COST_FACTOR * (now - began))

    async def _claim(self, file: str) -> FileRow | None:
        """Leases this file; returns None if another worker has it or it is not staged any more."""
        owner, until = uuid.uuid4().hex, datetime.now(UTC) + self._lease
        which: Doc = {"_id": file, "state": "staged", **_free()}
        with translate_errors():
            result = await self._rows.update_one(which, {"$set": {"owner": owner, "until": until}})
            if not result.matched_count:
                return None
            row = await self._rows.find_one({"_id": file, "owner": owner})
        return FileRow.from_row(row) if row else None


def _free() -> Doc:
    """Returns a filter for files that may be copied now and are not leased."""
    now = datetime.now(UTC)
    return {"not_before": {"$lte": now}, "until": {"$lte": now}}


class Fetcher:
    """Copies leased files; several workers share one instance."""

    def __init__(
        self,
        settings: DownloaderSettings,
        *,
        stores: Stores,
        cache: Cache,
        archive: Archive,
        space: CacheSpace,
        throughput: Throughput,
    ) -> None:
        self._retry_policy = RetryPolicy(
            settings.most_attempts, settings.retry_seconds, settings.poll_longest
        )
        self._renew_after = settings.lease_seconds / 3
        self._files = stores.files
        self._leases = FileLeases(stores.files, settings.lease_seconds)
        self._batches = stores.batches
        self._archive = archive
        self._cache = cache
        self._contents = stores.contents
        self._space = space
        self._throughput = throughput
        self._keep_seconds = settings.keep_seconds

    async def step(self) -> bool:
        """Leases a staged file and copies it; returns False when there is none."""
        file = await self._leases.acquire()
        if file is None:
            return False
        started = time.monotonic()
        try:
            outcome, reason = await self._copy(file)
        except (OSError, Unavailable, asyncio.CancelledError) as error:
            with contextlib.suppress(Unavailable):  # the lease expires by itself
                await asyncio.shield(self._return(file, pause=0))
            if isinstance(error, OSError):
                if error.errno in DISK_FULL_ERRORS:
                    self._space.report_disk_full()
                raise Unavailable(f"the cache: {error}") from error
            raise
        RECALLS.labels(outcome).inc()
        COPY_SECONDS.observe(time.monotonic() - started)
        await self._handle_outcome(file, outcome, reason)
        return True

    async def _handle_outcome(self, file: FileRow, outcome: Outcome, reason: str) -> None:
        """Moves the file to the state that follows from the outcome of its copy."""
        if outcome == "verified":
            await self._finish(file, "online", reason=None)
            self._throughput.record(time.monotonic(), file.size)
            RECALLED_BYTES.inc(file.size)
        elif outcome == "mismatch":
            await self._handle_mismatch(file, reason)
        elif outcome == "too large":
            await self._finish(file, "failed", reason=reason)
        elif outcome == "not on disk":
            await self._restage(file, reason)
        elif outcome == "interrupted" and file.interruptions + 1 < MAX_INTERRUPTIONS:
            await self._return(file, pause=self._retry_policy.retry_seconds, interrupted=True)
        elif outcome == "interrupted":
            await self._restage(file, reason)
        else:
            await self._return(file, pause=IN_USE_SECONDS)

    async def _copy(self, file: FileRow) -> tuple[Outcome, str]:
        """Copies the file into reserved space; returns the outcome and its reason."""
        if await asyncio.to_thread(self._cache.contains, file.sha256, file.size):
            await self._index_content(file, None)
            return "verified", ""
        existing = await asyncio.to_thread(self._cache.part_size, file.part_key)
        try:
            await self._space.reserve(file.part_key, max(0, file.size - existing))
        except TooLarge as error:
            return "too large", error.reason
        arrived = 0
        try:
            incoming = await asyncio.to_thread(self._cache.incoming, file.part_key)
            try:
                outcome, reason = await self._receive(file, incoming)
            finally:
                incoming.close()
        except InUse:
            return "lease lost", ""
        else:
            arrived = file.size if outcome == "verified" else 0
            return outcome, reason
        finally:
            self._space.release(file.part_key, arrived=arrived)

    async def _index_content(self, file: FileRow, crc32: int | None) -> None:
        """Adds a content to the index of the cache before its files become online."""
        if crc32 is None:
            known = await self._contents.crc32s([file.sha256])
            crc32 = known.get(file.sha256)
        if crc32 is None:
            crc32 = await asyncio.to_thread(self._cache.crc32, file.sha256, file.size)
        await self._contents.add(
            file.sha256, size=file.size, crc32=crc32 or 0, keep=self._keep_seconds
        )

    async def _receive(self, file: FileRow, incoming: IncomingFile) -> tuple[Outcome, str]:
        """Completes the growing file and verifies it."""
        size_before = incoming.size
        if incoming.size < file.size:
            outcome, reason = await self._download(file, incoming)
            if outcome != "verified":
                return outcome, reason
        if (incoming.size, incoming.sha256) == (file.size, file.sha256):
            await asyncio.to_thread(incoming.commit)
            await self._index_content(file, incoming.crc32)
            return "verified", ""
        reason = _difference(file, incoming)
        if size_before > 0:  # the part that existed may be the wrong one
            await asyncio.to_thread(incoming.restart)
            return "interrupted", reason
        quarantine_name = await asyncio.to_thread(incoming.quarantine)
        log.error(
            "file quarantined", path=file.path, pid=file.pid, reason=reason, name=quarantine_name
        )
        return "mismatch", reason

    async def _download(self, file: FileRow, incoming: IncomingFile) -> tuple[Outcome, str]:
        """Reads from the existing size to the end, or until more arrives than the file has."""
        try:
            async with self._archive.open_file(file.path, incoming.size) as body:
                if body.start != incoming.size:
                    await asyncio.to_thread(incoming.restart)
                return await self._write_chunks(file, incoming, body)
        except NotOnDisk as error:
            return "not on disk", error.reason
        except TransferInterrupted as error:
            return "interrupted", error.reason

    async def _write_chunks(
        self, file: FileRow, incoming: IncomingFile, body: Body
    ) -> tuple[Outcome, str]:
        """Writes what arrives, and extends the lease of the file meanwhile."""
        extended_at = time.monotonic()
        buffer = bytearray()
        try:
            async for chunk in body.chunks:
                buffer += chunk
                if len(buffer) < READ_BYTES:
                    continue
                data = bytes(buffer)
                buffer.clear()  # before the write: if the disk is full, not written twice
                await asyncio.to_thread(incoming.write, data)
                if incoming.size > file.size:
                    break
                if time.monotonic() - extended_at > self._renew_after:
                    if not await self._files.extend_lease(file):
                        return "lease lost", ""
                    extended_at = time.monotonic()
        finally:  # what arrived before an interruption is not lost
            incoming.write(bytes(buffer))
        return "verified", ""

    async def _handle_mismatch(self, file: FileRow, reason: str) -> None:
        """Queues the file once more after a wrong checksum; then it has failed."""
        if file.mismatches + 1 < MAX_MISMATCHES:
            await self._finish(
                file, "queued", reason=reason, mismatches=file.mismatches + 1, not_before=_now()
            )
        else:
            await self._finish(file, "failed", reason=reason, mismatches=file.mismatches + 1)

    async def _restage(self, file: FileRow, reason: str) -> None:
        """Queues the file again, or fails it, because its bytes cannot be read although it was
        staged.
        """
        decision = decide_retry(
            reason, attempt=file.attempt, locality="TAPE", policy=self._retry_policy
        )
        await self._finish(
            file,
            decision.state,
            reason=decision.reason,
            attempt=decision.attempt,
            stumbles=0,
            not_before=_now(decision.pause),
        )

    async def _finish(self, file: FileRow, to: State, **fields: object) -> None:
        """Moves a leased file on and releases its pin, unless the lease was lost.

        The pin is released first, so that an interruption here leaves none behind. The row is
        reloaded, because the pin may have been renewed meanwhile.
        """
        while (current := await self._files.reload_if_owned(file)) is not None:
            await self._batches.unpin(current)
            owned = {"_id": file.id, "owner": file.owner, "stage_id": current.stage_id}
            if await self._files.move(owned, ("staged",), to, batch=None, stage_id=None, **fields):
                return

    async def _return(self, file: FileRow, *, pause: float, interrupted: bool = False) -> None:
        """Ends the lease; the file is copied again after `pause` seconds."""
        owned = {"_id": file.id, "owner": file.owner}
        await self._files.move(
            owned,
            ("staged",),
            "staged",
            until=_now(),
            not_before=_now(pause),
            stumbles=file.interruptions + int(interrupted),
        )


def _difference(file: FileRow, incoming: IncomingFile) -> str:
    if incoming.size != file.size:
        return f"checksum mismatch: {incoming.size} bytes arrived, {file.size} expected"
    return f"checksum mismatch: SHA-256 {incoming.sha256}, expected {file.sha256}"


def _now(seconds: float = 0) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
