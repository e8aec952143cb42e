"""Downloads one file: continues a partial file, verifies the content, then renames it."""

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import httpx
from portal_shared.contracts.file_urls import data_path
from portal_shared.runtime.safe_open import open_regular_file

from portal_cli.download.client import PortalClient, RemoteFile
from portal_cli.download.ranges import (
    MIN_BYTES_FOR_RANGES,
    RETRY_STATUSES,
    Interrupted,
    RangeReader,
    RangesUnsupported,
    RetryLater,
    retry_after_seconds,
)
from portal_cli.download.safe_paths import (
    DownloadFolder,
    UnsafeName,
    part_file_name,
    split_location,
)

CHUNK_BYTES = 1_048_576
MAX_FRUITLESS_TRIES = 5  # in a row without a byte
OK, PARTIAL_CONTENT = 200, 206


class DownloadFailed(Exception):
    """This file cannot be downloaded. The message has the reason."""


@dataclass
class FileResult:
    location: str
    result: Literal["downloaded", "present", "failed"]
    bytes: int = 0
    reason: str | None = None
    sha256: str | None = None  # computed from the file on disk
    verified: str | None = None  # time of the verification


def verified_result(file: RemoteFile, result: Literal["downloaded", "present"]) -> FileResult:
    """Returns the result of a file whose content was verified just now."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return FileResult(file.location, result, file.size, sha256=file.sha256, verified=now)


@dataclass
class Fetcher:
    """Downloads files of one dataset into one folder."""

    portal: PortalClient
    pid: str
    folder: DownloadFolder
    locations: AbstractSet[str] = frozenset()  # of all files of the dataset
    advance: Callable[[int], None] = lambda _: None
    stop: threading.Event = field(default_factory=threading.Event)
    ranges: int = 4  # of a large file in parallel

    def is_present(self, file: RemoteFile) -> bool:
        """Returns whether the file exists with the right content."""
        *folders, name = split_location(file.location)
        try:
            with self.folder.open_subfolder(folders) as folder:
                descriptor = open_regular_file(folder, name, os.O_RDONLY)
        except OSError:
            return False
        try:
            if os.fstat(descriptor).st_size != file.size:
                return False
            digest = hashlib.sha256()
            for chunk in _chunks(descriptor):
                digest.update(chunk)
            return digest.hexdigest() == file.sha256
        finally:
            os.close(descriptor)

    def is_taken(self, location: str) -> bool:
        """Returns whether there is a file with this name on the disk, whatever its content."""
        *folders, name = split_location(location)
        try:
            with self.folder.open_subfolder(folders) as folder:
                os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError:
            return False
        return True

    def fetch(self, file: RemoteFile) -> FileResult:
        """Downloads the file; a failure is in the result. Raises only Interrupted."""
        try:
            *folders, name = split_location(file.location)
            part_name = part_file_name(file.location, file.sha256, self.locations)
            with self.folder.open_subfolder(folders) as folder:
                self._download(file, folder, name, part_name)
        except (UnsafeName, DownloadFailed) as error:
            return FileResult(file.location, "failed", reason=str(error))
        except OSError as error:
            return FileResult(file.location, "failed", reason=f"cannot be written: {error}")
        return verified_result(file, "downloaded")

    def _download(self, file: RemoteFile, folder: int, name: str, part_name: str) -> None:
        descriptor = open_regular_file(folder, part_name, os.O_RDWR | os.O_CREAT)
        try:
            _lock(descriptor)
            part = _PartFile(descriptor)
            continued_from = part.size
            self.advance(continued_from)
            self._receive_all(file, part)
            if not part.matches(file) and continued_from:  # the old part may have been wrong
                self.advance(-part.size)
                part.clear()
                self._receive_all(file, part)
            if not part.matches(file):
                self.advance(-part.size)
                os.unlink(part_name, dir_fd=folder)
                raise DownloadFailed(part.mismatch(file))
            os.fsync(descriptor)
            os.replace(part_name, name, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            os.close(descriptor)

    def _receive_all(self, file: RemoteFile, part: "_PartFile") -> None:
        """Receives until the part has the size of the file. Raises DownloadFailed."""
        fruitless, reason = 0, ""
        while part.size < file.size:
            before = part.size
            try:
                pause = self._receive_some(file, part, single=fruitless > 0)
            except httpx.HTTPError as error:
                pause, reason = None, str(error) or repr(error)
            else:
                reason = "the portal cannot deliver the file now" if pause is not None else reason
            fruitless = 0 if part.size > before else fruitless + 1
            if fruitless >= MAX_FRUITLESS_TRIES:
                raise DownloadFailed(f"gave up after {MAX_FRUITLESS_TRIES} tries: {reason}")
            if part.size < file.size and self.stop.wait(
                0.3 * 2**fruitless if pause is None else pause
            ):
                raise Interrupted

    def _receive_some(self, file: RemoteFile, part: "_PartFile", *, single: bool) -> float | None:
        """Receives what one try delivers; returns seconds to wait if the portal is busy.

        An interrupted range delivers nothing. A `single` request delivers every byte received, so
        it is used after a try without progress.
        """
        if single or self.ranges == 1 or file.size - part.size < MIN_BYTES_FOR_RANGES:
            return self._receive_stream(file, part)
        address = data_path(self.pid, file.location)
        reader = RangeReader(self.portal.client, address, file.etag, file.size, self.stop)
        try:
            with reader.read_from(part.size, self.ranges) as chunks:
                for chunk in chunks:
                    part.write(chunk)
                    self.advance(len(chunk))
        except RetryLater as later:
            return later.seconds
        except RangesUnsupported:
            return self._receive_stream(file, part)
        return None

    def _receive_stream(self, file: RemoteFile, part: "_PartFile") -> float | None:
        """Receives the rest in one response; returns seconds to wait if the portal is busy."""
        headers = {}
        if part.size:
            headers = {"Range": f"bytes={part.size}-", "If-Range": file.etag}
        address = data_path(self.pid, file.location)
        with self.portal.client.stream("GET", address, headers=headers) as response:
            if response.status_code in RETRY_STATUSES:
                return retry_after_seconds(response.headers.get("retry-after"))
            if response.status_code not in (OK, PARTIAL_CONTENT):
                raise DownloadFailed(f"the portal responded with status {response.status_code}")
            if response.status_code == OK and part.size:  # the file has changed, or no ranges
                self.advance(-part.size)
                part.clear()
            for chunk in response.iter_raw():
                if self.stop.is_set():
                    raise Interrupted
                part.write(chunk)
                self.advance(len(chunk))
                if part.size > file.size:
                    break
        return None


class _PartFile:
    """A file that is being received, with the SHA-256 of its content so far."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._digest = hashlib.sha256()
        for chunk in _chunks(descriptor):
            self._digest.update(chunk)
        self.size = os.lseek(descriptor, 0, os.SEEK_END)

    def clear(self) -> None:
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._digest, self.size = hashlib.sha256(), 0

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]
        self._digest.update(data)
        self.size += len(data)

    def matches(self, file: RemoteFile) -> bool:
        return (self.size, self._digest.hexdigest()) == (file.size, file.sha256)

    def mismatch(self, file: RemoteFile) -> str:
        """Returns how the received content differs from the file."""
        if self.size != file.size:
            return f"wrong checksum: received {self.size} bytes, expected {file.size}"
        digest = self._digest.hexdigest()
        return f"wrong checksum: received SHA-256 {digest}, expected {file.sha256}"


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DownloadFailed("another download is writing this file now") from error


def _chunks(descriptor: int) -> Iterator[bytes]:
    offset = 0
    while chunk := os.pread(descriptor, CHUNK_BYTES, offset):
        offset += len(chunk)
        yield chunk
