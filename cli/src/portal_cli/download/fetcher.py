"""One file: resumed where it stopped, verified, and only then given its name."""

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

from portal_cli.download.client import Portal, RemoteFile
from portal_cli.download.ranges import (
    LARGE,
    LATER,
    Interrupted,
    Later,
    NoRanges,
    Ranged,
    seconds,
)
from portal_cli.download.safe_paths import Folder, Refused, part_name, parts_of

CHUNK = 1_048_576
TRIES = 5  # in a row without a byte


class Failed(Exception):
    """Not this file, and why."""


@dataclass
class Result:
    location: str
    result: Literal["downloaded", "present", "failed"]
    bytes: int = 0
    reason: str | None = None
    sha256: str | None = None  # of what is there now, computed here
    verified: str | None = None  # when


def verified(file: RemoteFile, result: Literal["downloaded", "present"]) -> Result:
    """It is there, and is what the portal says."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Result(file.location, result, file.size, sha256=file.sha256, verified=now)


@dataclass
class Fetcher:
    """Fetches files of one dataset into one folder."""

    portal: Portal
    pid: str
    folder: Folder
    names: AbstractSet[str] = frozenset()  # all locations of the dataset
    advance: Callable[[int], None] = lambda _: None
    stop: threading.Event = field(default_factory=threading.Event)
    ranges: int = 4  # of a large file at once

    def present(self, file: RemoteFile) -> bool:
        """Whether it is there already, verified by its content."""
        *folders, name = parts_of(file.location)
        try:
            with self.folder.inside(folders) as here:
                descriptor = open_regular_file(here, name, os.O_RDONLY)
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

    def fetch(self, file: RemoteFile) -> Result:
        """Never raises but Interrupted: what went wrong is in the result."""
        try:
            *folders, name = parts_of(file.location)
            with self.folder.inside(folders) as here:
                self._fetched(file, here, name, part_name(file.location, file.sha256, self.names))
        except (Refused, Failed) as error:
            return Result(file.location, "failed", reason=str(error))
        except OSError as error:
            return Result(file.location, "failed", reason=f"cannot be written: {error}")
        return verified(file, "downloaded")

    def _fetched(self, file: RemoteFile, here: int, name: str, part: str) -> None:
        descriptor = open_regular_file(here, part, os.O_RDWR | os.O_CREAT)
        try:
            _lock(descriptor)
            arriving = _Arriving(descriptor)
            began = arriving.size
            self.advance(began)
            self._fill(file, arriving)
            if not arriving.is_(file) and began:  # the half from before may be the wrong one
                self.advance(-arriving.size)
                arriving.restart()
                self._fill(file, arriving)
            if not arriving.is_(file):
                self.advance(-arriving.size)
                os.unlink(part, dir_fd=here)
                raise Failed(arriving.difference(file))
            os.fsync(descriptor)
            os.replace(part, name, src_dir_fd=here, dst_dir_fd=here)
        finally:
            os.close(descriptor)

    def _fill(self, file: RemoteFile, arriving: "_Arriving") -> None:
        """Until as many bytes are there as the file has. Raises Failed."""
        fruitless, trouble = 0, ""
        while arriving.size < file.size:
            before = arriving.size
            try:
                pause = self._some(file, arriving, alone=fruitless > 0)
            except httpx.HTTPError as error:
                pause, trouble = None, str(error) or repr(error)
            else:
                trouble = "the portal does not deliver it now" if pause is not None else trouble
            fruitless = 0 if arriving.size > before else fruitless + 1
            if fruitless >= TRIES:
                raise Failed(f"gave up after {TRIES} tries: {trouble}")
            if arriving.size < file.size and self.stop.wait(
                0.3 * 2**fruitless if pause is None else pause
            ):
                raise Interrupted

    def _some(self, file: RemoteFile, arriving: "_Arriving", *, alone: bool) -> float | None:
        """All that comes by one try; seconds to wait when the portal said "later".

        Of a range that is cut off nothing counts: after that, one `alone`, of which all does.
        """
        if not alone and self.ranges > 1 and file.size - arriving.size >= LARGE:
            address = data_path(self.pid, file.location)
            whole = Ranged(self.portal.client, address, file.etag, file.size, self.stop)
            try:
                with whole.from_(arriving.size, self.ranges) as chunks:
                    for chunk in chunks:
                        arriving.write(chunk)
                        self.advance(len(chunk))
            except Later as later:
                return later.seconds
            except NoRanges:
                return self._once(file, arriving)
            return None
        return self._once(file, arriving)

    def _once(self, file: RemoteFile, arriving: "_Arriving") -> float | None:
        """One answer as far as it goes; seconds to wait when it said "later"."""
        headers = {}
        if arriving.size:
            headers = {"Range": f"bytes={arriving.size}-", "If-Range": file.etag}
        address = data_path(self.pid, file.location)
        with self.portal.client.stream("GET", address, headers=headers) as answer:
            if answer.status_code in LATER:
                return seconds(answer.headers.get("retry-after"))
            if answer.status_code not in (200, 206):
                raise Failed(f"the portal answers {answer.status_code}")
            if answer.status_code != 206 and arriving.size:  # noqa: PLR2004  # it changed
                self.advance(-arriving.size)
                arriving.restart()
            for chunk in answer.iter_raw():
                if self.stop.is_set():
                    raise Interrupted
                arriving.write(chunk)
                self.advance(len(chunk))
                if arriving.size > file.size:
                    break
        return None


class _Arriving:
    """The growing file; what is there already counts."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._digest = hashlib.sha256()
        for chunk in _chunks(descriptor):
            self._digest.update(chunk)
        self.size = os.lseek(descriptor, 0, os.SEEK_END)

    def restart(self) -> None:
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._digest, self.size = hashlib.sha256(), 0

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]
        self._digest.update(data)
        self.size += len(data)

    def is_(self, file: RemoteFile) -> bool:
        return (self.size, self._digest.hexdigest()) == (file.size, file.sha256)

    def difference(self, file: RemoteFile) -> str:
        if self.size != file.size:
            return f"checksum: {self.size} bytes came, not {file.size}"
        return f"checksum: SHA-256 {self._digest.hexdigest()} came, not {file.sha256}"


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Failed("another download writes it at the moment") from error


def _chunks(descriptor: int) -> Iterator[bytes]:
    at = 0
    while chunk := os.pread(descriptor, CHUNK, at):
        at += len(chunk)
        yield chunk
