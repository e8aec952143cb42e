"""Content-addressed disk cache: the name of a file is its verified SHA-256.

    objects/ab/abcd…   complete, verified on arrival
    incoming/KEY.part  growing; locked by its writer
    quarantine/…       arrived with a wrong size or checksum; for the operator

All methods block: call them in a thread.
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

READ_BYTES = 1_048_576
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


class InUse(Exception):
    """Another process writes the file."""


class Cache:
    """Folders of the cache; several processes may use them at the same time."""

    def __init__(self, root: Path) -> None:
        self._objects = root / "objects"
        self._incoming = root / "incoming"
        self._quarantine = root / "quarantine"

    def prepare(self) -> None:
        """Creates the folders. Raises Unavailable."""
        try:
            for folder in (self._objects, self._incoming, self._quarantine):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"the cache: {error}") from error

    def check(self) -> None:
        """Raises Unavailable if the cache cannot be written to."""
        for folder in (self._objects, self._incoming, self._quarantine):
            if not os.access(folder, os.W_OK | os.X_OK):
                raise Unavailable(f"{folder} cannot be written to")

    def contains(self, sha256: str, size: int) -> bool:
        """Returns whether a content of this size is in the cache."""
        try:
            found = self._object_path(sha256).lstat()
        except FileNotFoundError:
            return False
        return stat.S_ISREG(found.st_mode) and found.st_size == size

    def open(self, sha256: str, size: int) -> int | None:
        """Returns a file descriptor for reading; None if the content is missing or has another
        size.
        """
        try:
            descriptor = os.open(self._object_path(sha256), os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return None
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_size == size:
            return descriptor
        os.close(descriptor)
        return None

    def crc32(self, sha256: str, size: int) -> int | None:
        """Computes the CRC-32 of a content; None if it is missing."""
        descriptor = self.open(sha256, size)
        if descriptor is None:
            return None
        found = 0
        try:
            while chunk := os.read(descriptor, READ_BYTES):
                found = zlib.crc32(chunk, found)
        finally:
            os.close(descriptor)
        return found

    def objects(self) -> Iterator[tuple[str, int]]:
        """Yields SHA-256 and size of all contents."""
        for folder in self._objects.iterdir():
            with os.scandir(folder) as entries:
                for entry in entries:
                    if len(entry.name) == len(EMPTY_SHA256) and entry.is_file(
                        follow_symlinks=False
                    ):
                        yield entry.name, entry.stat(follow_symlinks=False).st_size

    def remove(self, sha256: str) -> None:
        """Deletes a content; processes that have it open continue to read."""
        self._object_path(sha256).unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """Returns the free space of the disk. Raises Unavailable if the cache is not there."""
        try:
            found = os.statvfs(self._objects)
        except OSError as error:
            raise Unavailable(f"the cache: {error}") from error
        return found.f_bavail * found.f_frsize

    def part_size(self, key: str) -> int:
        """Returns the size of a growing file; 0 if there is none."""
        try:
            return (self._incoming / f"{key}.part").lstat().st_size
        except FileNotFoundError:
            return 0

    def quarantined(self) -> Iterator[tuple[str, int]]:
        """Yields name and size of the quarantined files."""
        for file in sorted(self._quarantine.iterdir()):
            yield file.name, file.lstat().st_size

    def incoming(self, key: str) -> "IncomingFile":
        """Opens a growing file for writing. Raises InUse."""
        return IncomingFile(self._incoming / f"{key}.part", self)

    def delete_parts_except(self, wanted: set[str]) -> int:
        """Deletes the growing files of other keys than these; returns how many."""
        removed = 0
        for part in self._incoming.glob("*.part"):
            if part.stem not in wanted:
                part.unlink(missing_ok=True)
                removed += 1
        return removed

    def move_to_objects(self, part: Path, sha256: str) -> None:
        """Makes a growing file a content, durably."""
        target = self._object_path(sha256)
        target.parent.mkdir(exist_ok=True)
        part.replace(target)
        _sync_folder(target.parent)

    def quarantine(self, part: Path) -> str:
        """Moves a growing file to the quarantine and returns its name there.

        An earlier quarantined file of the same key is deleted: repeated recalls would fill the
        disk.
        """
        target = self._quarantine / f"{time.time_ns()}-{part.stem}"
        part.replace(target)
        for file in list(self._quarantine.iterdir()):
            if file.name.partition("-")[2] == part.stem and file.name < target.name:
                file.unlink(missing_ok=True)
        return target.name

    def object_name(self, sha256: str) -> str:
        """Returns the path of a content below the folder `objects`."""
        return f"{sha256[:2]}/{sha256}"

    def _object_path(self, sha256: str) -> Path:
        return self._objects / self.object_name(sha256)


class IncomingFile:
    """A growing file: what was written before counts, and is verified with the rest at the end."""

    def __init__(self, part: Path, cache: Cache) -> None:
        self._part = part
        self._cache = cache
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        self._descriptor = os.open(part, flags, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            was_moved = not os.path.samestat(part.lstat(), os.fstat(self._descriptor))
        except (BlockingIOError, FileNotFoundError) as error:
            os.close(self._descriptor)
            raise InUse(part.name) from error
        if was_moved:  # by its writer, before the lock was acquired
            os.close(self._descriptor)
            raise InUse(part.name)
        self._digest = hashlib.sha256()
        self.crc32 = 0
        self.size = 0
        while chunk := os.read(self._descriptor, READ_BYTES):
            self._add_to_digest(chunk)

    def _add_to_digest(self, data: bytes) -> None:
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
        self._add_to_digest(data)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def commit(self) -> None:
        """Moves the file, which has been verified, to the objects under its own digest."""
        os.fsync(self._descriptor)
        self._cache.move_to_objects(self._part, self.sha256)

    def discard(self) -> None:
        """Deletes the file."""
        self._part.unlink(missing_ok=True)

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
