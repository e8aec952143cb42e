"""The archive as its clients mean it: staging, locality, release, over tapes and buffer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from portal_local.simulation import Faults
from portal_local.tape import faults as file_faults
from portal_local.tape.buffer import Buffer
from portal_local.tape.drives import Drives, Order
from portal_local.tape.ledger import COMPLETED, FAILED, SUBMITTED, Ledger, Request, Wish
from portal_local.tape.paths import file_at, is_directory
from portal_local.tape.physics import Physics, Place
from portal_local.tape.shelves import Shelves

logger = logging.getLogger(__name__)

MISSING = "USER ERROR: file does not exist or is not accessible to you"


class Archive:
    """`root` is what is on tape: its files may be read by the drives alone."""

    def __init__(
        self,
        root: Path,
        *,
        ledger: Ledger,
        shelves: Shelves,
        buffer: Buffer,
        physics: Physics,
        drives: int,
        order: Order = "position",
        faults: Faults,
    ) -> None:
        self._root = root
        self._faults = faults
        self.ledger = ledger
        self.shelves = shelves
        self.buffer = buffer
        self.drives = Drives(
            physics,
            shelves,
            count=drives,
            order=order,
            wanted=ledger.is_wanted,
            read=self._recall,
        )

    async def run(self) -> None:
        """Go on with the recalls under way when the process ended, then with all others."""
        self.buffer.prepare(self._root)
        for path in self.ledger.wanted():
            self._submit(path)
        await self.drives.run()

    def place(self, path: str) -> Place | None:
        return self.shelves.place(path) if file_at(self._root, path) else None

    def size(self, path: str) -> int | None:
        """Of a file in the archive, wherever it is now."""
        found = file_at(self._root, path)
        return found.stat().st_size if found else None

    def locality(self, path: str) -> str | None:
        """None for a file that does not exist."""
        size = self.size(path)
        if size is None:
            return None
        if size == 0:
            return "NONE"
        told = file_faults.locality(self._faults, path)
        return told or ("DISK_AND_TAPE" if self.buffer.get(path) else "TAPE")

    def stage(self, files: Mapping[str, float]) -> str:
        """A request for these paths, each with its lifetime on disk; what fails, fails by file."""
        wishes = [self._wish(path, lifetime) for path, lifetime in files.items()]
        made = self.ledger.accept(wishes)
        for wish in wishes:
            if wish.state == SUBMITTED:
                self._submit(wish.path)
        return made

    def _wish(self, path: str, lifetime: float) -> Wish:
        size = self.size(path)
        if size is None:
            reason = "The path is a directory" if is_directory(self._root, path) else MISSING
            return Wish(path, lifetime, FAILED, reason)
        if size == 0:
            return Wish(path, lifetime, FAILED, "The file is empty and not on tape")
        return Wish(path, lifetime, COMPLETED if self.buffer.get(path) else SUBMITTED)

    def _submit(self, path: str) -> None:
        place = self.place(path)
        if place is None:
            self.ledger.failed(path, MISSING)
        else:
            self.drives.enqueue(path, place)

    async def _recall(self, path: str, wind: Callable[[int], Awaitable[None]]) -> None:
        """One file from tape to disk; what goes wrong is the file's failure, not the drive's."""
        self.ledger.started(path)
        try:
            reason = await self._restored(path, wind)
        except OSError as error:
            logger.warning("recall of %s failed", path, exc_info=error)
            reason = f"The file cannot be restored: {error.strerror}"
        if reason is not None:
            self.ledger.failed(path, reason or None)

    async def _restored(self, path: str, wind: Callable[[int], Awaitable[None]]) -> str | None:
        """The reason of a failure, which may be empty; None if all is well."""
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
        if not await self.buffer.reserve(size, lambda: self.ledger.is_wanted(path)):
            return None
        try:
            corrupt = file_faults.corrupts(self._faults, path)
            restored = await asyncio.to_thread(self.buffer.restore, source, path, corrupt=corrupt)
            self.ledger.restored(restored)
        finally:
            self.buffer.free(size)
        return None

    def shown(self, request: Request) -> Request:
        """As those who poll are told of it: faults leave files out, or never let them end."""
        files = [file_faults.shown(self._faults, file) for file in request.files]
        return replace(request, files=[file for file in files if file is not None])

    def paths_of(self, request: str) -> frozenset[str] | None:
        found = self.ledger.request(request)
        return None if found is None else frozenset(file.path for file in found.files)

    def foreign(self, request: str, paths: Iterable[str]) -> str | None:
        """The first path that does not belong to the request."""
        own = self.paths_of(request) or frozenset()
        return next((path for path in paths if path not in own), None)
