"""The disk buffer: complete files restored from tape, within its capacity."""

import asyncio
import hashlib
import os
import uuid
from collections.abc import Callable
from pathlib import Path

from portal_local.tape.library.request_store import OnDisk, RequestStore
from portal_local.tape.paths import file_at

INCOMING = ".incoming"  # folder of the buffer where copies grow
CHUNK_BYTES = 2**20
RETRY_SECONDS = 0.05  # between checks for free space


class Buffer:
    """Files on disk, evicted when space is needed and nobody has pinned them."""

    def __init__(self, root: Path, requests: RequestStore, *, capacity: int | None) -> None:
        self.root = root
        self._requests = requests
        self._capacity = capacity
        self._reserved = 0

    def prepare(self, archive: Path) -> None:
        """Reconciles with the disk after a crash: deletes partial copies, records recalls."""
        incoming = self.root / INCOMING
        incoming.mkdir(parents=True, exist_ok=True)
        for partial in incoming.iterdir():
            partial.unlink()
        for path in self._requests.paths_on_disk():
            if file_at(self.root, path) is None:
                self._requests.remove_from_disk(path)
        for path in self._requests.pending_paths():
            found = file_at(self.root, path)
            if found is not None and file_at(archive, path) is not None:
                self._requests.mark_restored(OnDisk(path, found.stat().st_size, _digest(found)))

    def get(self, path: str) -> OnDisk | None:
        found = self._requests.find_on_disk(path)
        return found if found and file_at(self.root, path) else None

    def fits(self, size: int) -> bool:
        return self._capacity is None or size <= self._capacity

    async def reserve(self, size: int, wanted: Callable[[], bool]) -> bool:
        """Waits for space and evicts unpinned files; returns False if the file is not wanted."""
        while self._is_full(size):
            oldest = self._requests.oldest_unpinned()
            if oldest is not None:
                self.evict(oldest.path)
            elif wanted():
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return False
        self._reserved += size
        return True

    def release(self, size: int) -> None:
        """Ends a reservation."""
        self._reserved -= size

    def _is_full(self, size: int) -> bool:
        if self._capacity is None:
            return False
        return self._requests.bytes_on_disk() + self._reserved + size > self._capacity

    def evict(self, path: str) -> None:
        self._requests.remove_from_disk(path)
        (self.root / path.lstrip("/")).unlink(missing_ok=True)

    def restore(self, source: Path, path: str, *, corrupt: bool) -> OnDisk:
        """Copies a file from the archive; it has its name only when it is complete. Blocking."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        growing = self.root / INCOMING / str(uuid.uuid4())
        digest, size = hashlib.sha256(), 0
        try:
            with source.open("rb") as tape, growing.open("wb") as disk:
                while chunk := tape.read(CHUNK_BYTES):
                    data = _flip_bit(chunk) if corrupt and size == 0 else chunk
                    disk.write(data)
                    digest.update(data)
                    size += len(data)
                disk.flush()
                os.fsync(disk.fileno())
            growing.replace(target)
        finally:
            growing.unlink(missing_ok=True)
        return OnDisk(path, size, digest.hexdigest())


def _flip_bit(chunk: bytes) -> bytes:
    middle = len(chunk) // 2
    return chunk[:middle] + bytes([chunk[middle] ^ 1]) + chunk[middle + 1 :]


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
