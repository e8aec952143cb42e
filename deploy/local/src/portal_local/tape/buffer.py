"""The disk buffer: files restored from tape, whole or not there at all, within its size."""

import asyncio
import hashlib
import os
import uuid
from collections.abc import Callable
from pathlib import Path

from portal_local.tape.ledger import Ledger, OnDisk
from portal_local.tape.paths import file_at

INCOMING = ".incoming"  # folder of the buffer where copies grow
CHUNK = 2**20
FULL = 0.05  # seconds between looks for room


class Buffer:
    def __init__(self, root: Path, ledger: Ledger, *, capacity: int | None) -> None:
        self.root = root
        self._ledger = ledger
        self._capacity = capacity
        self._reserved = 0

    def prepare(self, archive: Path) -> None:
        """Agree with the disk after a crash: half copies go, a recall that ended is recorded."""
        incoming = self.root / INCOMING
        incoming.mkdir(parents=True, exist_ok=True)
        for half in incoming.iterdir():
            half.unlink()
        for path in self._ledger.buffered():
            if file_at(self.root, path) is None:
                self._ledger.evicted(path)
        for path in self._ledger.wanted():
            found = file_at(self.root, path)
            if found is not None and file_at(archive, path) is not None:
                self._ledger.restored(OnDisk(path, found.stat().st_size, _digest(found)))

    def get(self, path: str) -> OnDisk | None:
        found = self._ledger.on_disk(path)
        return found if found and file_at(self.root, path) else None

    def fits(self, size: int) -> bool:
        return self._capacity is None or size <= self._capacity

    async def reserve(self, size: int, wanted: Callable[[], bool]) -> bool:
        """Wait for room, evicting what nobody has pinned; False if not wanted any more."""
        while self._is_full(size):
            oldest = self._ledger.evictable()
            if oldest is not None:
                self.evict(oldest.path)
            elif wanted():
                await asyncio.sleep(FULL)
            else:
                return False
        self._reserved += size
        return True

    def free(self, size: int) -> None:
        """Give a reservation back."""
        self._reserved -= size

    def _is_full(self, size: int) -> bool:
        if self._capacity is None:
            return False
        return self._ledger.buffered_bytes() + self._reserved + size > self._capacity

    def evict(self, path: str) -> None:
        self._ledger.evicted(path)
        (self.root / path.lstrip("/")).unlink(missing_ok=True)

    def restore(self, source: Path, path: str, *, corrupt: bool) -> OnDisk:
        """Copy from the archive, in a worker thread: seen under its name only when it is whole."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        growing = self.root / INCOMING / str(uuid.uuid4())
        digest, size = hashlib.sha256(), 0
        try:
            with source.open("rb") as tape, growing.open("wb") as disk:
                while chunk := tape.read(CHUNK):
                    kept = _flipped(chunk) if corrupt and size == 0 else chunk
                    disk.write(kept)
                    digest.update(kept)
                    size += len(kept)
                disk.flush()
                os.fsync(disk.fileno())
            growing.replace(target)
        finally:
            growing.unlink(missing_ok=True)
        return OnDisk(path, size, digest.hexdigest())


def _flipped(chunk: bytes) -> bytes:
    middle = len(chunk) // 2
    return chunk[:middle] + bytes([chunk[middle] ^ 1]) + chunk[middle + 1 :]


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
