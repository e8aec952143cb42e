"""The archive as clients see it: staging, locality and release, over tapes and buffer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from portal_local.simulation import Faults
from portal_local.tape.library import faults as file_faults
from portal_local.tape.library.buffer import Buffer
from portal_local.tape.library.catalogue import TapeCatalogue
from portal_local.tape.library.drives import DriveScheduler, Order
from portal_local.tape.library.physics import Physics, TapePosition
from portal_local.tape.library.request_store import (
    COMPLETED,
    FAILED,
    SUBMITTED,
    FileRequest,
    Request,
    RequestStore,
)
from portal_local.tape.paths import file_at, is_directory

logger = logging.getLogger(__name__)

MISSING = "USER ERROR: file does not exist or is not accessible to you"


class Archive:
    """An archive of the files below `root`, which only the drives read."""

    def __init__(
        self,
        root: Path,
        *,
        requests: RequestStore,
        catalogue: TapeCatalogue,
        buffer: Buffer,
        physics: Physics,
        drives: int,
        order: Order = "position",
        faults: Faults,
    ) -> None:
        self._root = root
        self._faults = faults
        self.requests = requests
        self.catalogue = catalogue
        self.buffer = buffer
        self.drives = DriveScheduler(
            physics,
            catalogue,
            count=drives,
            order=order,
            wanted=requests.is_pending,
            read=self._recall,
        )

    async def run(self) -> None:
        """Continues the recalls that were pending when the process ended, then runs the drives."""
        self.buffer.prepare(self._root)
        for path in self.requests.pending_paths():
            self._submit(path)
        await self.drives.run()

    def position(self, path: str) -> TapePosition | None:
        return self.catalogue.position(path) if file_at(self._root, path) else None

    def size(self, path: str) -> int | None:
        """Returns the size of a file, wherever it is; None if it does not exist."""
        found = file_at(self._root, path)
        return found.stat().st_size if found else None

    def locality(self, path: str) -> str | None:
        """Returns the locality of a file; None if it does not exist."""
        size = self.size(path)
        if size is None:
            return None
        if size == 0:
            return "NONE"
        fault = file_faults.locality(self._faults, path)
        return fault or ("DISK_AND_TAPE" if self.buffer.get(path) else "TAPE")

    def stage(self, files: Mapping[str, float]) -> str:
        """Accepts a request for these paths with their lifetimes on disk; files fail one by one."""
        files_of_request = [self._file_request(path, lifetime) for path, lifetime in files.items()]
        request_id = self.requests.accept(files_of_request)
        for file in files_of_request:
            if file.state == SUBMITTED:
                self._submit(file.path)
        return request_id

    def _file_request(self, path: str, lifetime: float) -> FileRequest:
        size = self.size(path)
        if size is None:
            reason = "The path is a directory" if is_directory(self._root, path) else MISSING
            return FileRequest(path, lifetime, FAILED, reason)
        if size == 0:
            return FileRequest(path, lifetime, FAILED, "The file is empty and not on tape")
        return FileRequest(path, lifetime, COMPLETED if self.buffer.get(path) else SUBMITTED)

    def _submit(self, path: str) -> None:
        position = self.position(path)
        if position is None:
            self.requests.mark_failed(path, MISSING)
        else:
            self.drives.enqueue(path, position)

    async def _recall(self, path: str, wind: Callable[[int], Awaitable[None]]) -> None:
        """Copies one file from tape to disk; an error fails the file, not the drive."""
        self.requests.mark_started(path)
        try:
            reason = await self._restore(path, wind)
        except OSError as error:
            logger.warning("recall of %s failed", path, exc_info=error)
            reason = f"The file cannot be restored: {error.strerror}"
        if reason is not None:
            self.requests.mark_failed(path, reason or None)

    async def _restore(self, path: str, wind: Callable[[int], Awaitable[None]]) -> str | None:
        """Returns the reason of a failure, which may be empty; None on success."""
        source = file_at(self._root, path)
        if source is None:
            return MISSING
        size = source.stat().st_size
        if not self.buffer.fits(size):
            return "The file is larger than the disk buffer"
        await wind(size)
        fault = file_faults.failure(self._faults, path)
        if fault is not None:
            return fault.reason or file_faults.REASONS.get(fault.effect, "")
        if not await self.buffer.reserve(size, lambda: self.requests.is_pending(path)):
            return None
        try:
            corrupt = file_faults.is_corrupted(self._faults, path)
            restored = await asyncio.to_thread(self.buffer.restore, source, path, corrupt=corrupt)
            self.requests.mark_restored(restored)
        finally:
            self.buffer.release(size)
        return None

    def with_poll_faults(self, request: Request) -> Request:
        """Returns the request with its faults: files left out, or started for ever."""
        files = [file_faults.apply_to_progress(self._faults, file) for file in request.files]
        return replace(request, files=[file for file in files if file is not None])

    def paths_of(self, request: str) -> frozenset[str] | None:
        found = self.requests.request(request)
        return None if found is None else frozenset(file.path for file in found.files)

    def first_foreign_path(self, request: str, paths: Iterable[str]) -> str | None:
        """Returns the first path that does not belong to the request."""
        own = self.paths_of(request) or frozenset()
        return next((path for path in paths if path not in own), None)
