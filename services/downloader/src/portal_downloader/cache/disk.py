"""The disk cache: files by their SHA-256, so that a name that is there has been verified.

    objects/ab/abcd…   whole, verified on arrival
    incoming/KEY.part  growing; locked by whoever writes it
    quarantine/…       what came and was something else, for the operator
Blocking: call it in a thread.
"""

import contextlib
import fcntl
import hashlib
import os
import stat
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from portal_shared.runtime.errors import Unavailable

CHUNK = 1_048_576
EMPTY = hashlib.sha256(b"").hexdigest()


class InUse(Exception):
    """Somebody else is writing it."""


class Cache:
    def __init__(self, root: Path) -> None:
        self._objects = root / "objects"
        self._incoming = root / "incoming"
        self._quarantine = root / "quarantine"

    def prepare(self) -> None:
        """Raises Unavailable."""
        try:
            for folder in (self._objects, self._incoming, self._quarantine):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"the cache: {error}") from error

    def check(self) -> None:
        """Raises Unavailable when nothing can be written there."""
        for folder in (self._objects, self._incoming, self._quarantine):
            if not os.access(folder, os.W_OK | os.X_OK):
                raise Unavailable(f"{folder} cannot be written to")

    def holds(self, sha256: str, size: int) -> bool:
        try:
            found = self._place(sha256).lstat()
        except FileNotFoundError:
            return False
        return stat.S_ISREG(found.st_mode) and found.st_size == size

    def open(self, sha256: str, size: int) -> int | None:
        """A descriptor to read from; None when it is not there as it should be."""
        try:
            descriptor = os.open(self._place(sha256), os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return None
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_size == size:
            return descriptor
        os.close(descriptor)
        return None

    def crc32(self, sha256: str, size: int) -> int | None:
        """Of a file that came before its sum was kept; None when it is not there."""
        descriptor = self.open(sha256, size)
        if descriptor is None:
            return None
        found = 0
        try:
            while chunk := os.read(descriptor, CHUNK):
                found = zlib.crc32(chunk, found)
        finally:
            os.close(descriptor)
        return found

    def objects(self) -> Iterator[tuple[str, int]]:
        """SHA-256 and size of all that is there."""
        for folder in self._objects.iterdir():
            with os.scandir(folder) as entries:
                for entry in entries:
                    if len(entry.name) == len(EMPTY) and entry.is_file(follow_symlinks=False):
                        yield entry.name, entry.stat(follow_symlinks=False).st_size

    def remove(self, sha256: str) -> None:
        """Whoever has it open reads on."""
        self._place(sha256).unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """What the disk has left for us."""
        found = os.statvfs(self._objects)
        return found.f_bavail * found.f_frsize

    def part_size(self, key: str) -> int:
        """Bytes of a growing file that are there already."""
        try:
            return (self._incoming / f"{key}.part").lstat().st_size
        except FileNotFoundError:
            return 0

    def quarantined(self) -> Iterator[tuple[str, int]]:
        """Name and size of what came and was something else."""
        for file in sorted(self._quarantine.iterdir()):
            yield file.name, file.lstat().st_size

    def incoming(self, key: str) -> "Incoming":
        """Raises InUse."""
        return Incoming(self._incoming / f"{key}.part", self)

    def sweep(self, wanted: set[str]) -> int:
        """Remove half files of keys that nobody waits for; returns how many there were."""
        removed = 0
        for part in self._incoming.glob("*.part"):
            if part.stem not in wanted:
                part.unlink(missing_ok=True)
                removed += 1
        return removed

    def adopt(self, part: Path, sha256: str) -> None:
        target = self._place(sha256)
        target.parent.mkdir(exist_ok=True)
        part.replace(target)
        _sync_folder(target.parent)

    def quarantine(self, part: Path) -> str:
        """Out of the way, to be looked at; returns its name.

        What came before of the same file goes: asked for again and again it would fill the disk.
        """
        target = self._quarantine / f"{time.time_ns()}-{part.stem}"
        part.replace(target)
        for file in list(self._quarantine.iterdir()):
            if file.name.partition("-")[2] == part.stem and file.name < target.name:
                file.unlink(missing_ok=True)
        return target.name

    def place_name(self, sha256: str) -> str:
        """Below the folder of objects."""
        return f"{sha256[:2]}/{sha256}"

    def _place(self, sha256: str) -> Path:
        return self._objects / self.place_name(sha256)


class Incoming:
    """A file that is arriving: what came before counts, verified with the rest at the end."""

    def __init__(self, part: Path, cache: Cache) -> None:
        self._part = part
        self._cache = cache
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        self._descriptor = os.open(part, flags, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            kept = not os.path.samestat(part.lstat(), os.fstat(self._descriptor))
        except (BlockingIOError, FileNotFoundError) as error:
            os.close(self._descriptor)
            raise InUse(part.name) from error
        if kept:  # by its writer, before we had the lock
            os.close(self._descriptor)
            raise InUse(part.name)
        self._digest = hashlib.sha256()
        self.crc32 = 0
        self.size = 0
        while chunk := os.read(self._descriptor, CHUNK):
            self._note(chunk)

    def _note(self, data: bytes) -> None:
        self._digest.update(data)
        self.crc32 = zlib.crc32(data, self.crc32)
        self.size += len(data)

    def restart(self) -> None:
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._digest = hashlib.sha256()
        self.crc32 = 0
        self.size = 0

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]
        self._note(data)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def keep(self) -> None:
        """It is what it should be: durable under its own digest."""
        os.fsync(self._descriptor)
        self._cache.adopt(self._part, self.sha256)

    def quarantine(self) -> str:
        return self._cache.quarantine(self._part)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
