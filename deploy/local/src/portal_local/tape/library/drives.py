"""The drives: a queue per tape; a mounted tape serves all its waiting files in order."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from portal_local.tape.library.catalogue import TapeCatalogue
from portal_local.tape.library.physics import Physics, TapePosition, next_position

Order = Literal["position", "request"]
"""By position on the tape (best), or in the order of requests (`asked`)."""


@dataclass
class Drive:
    """A drive with its mounted tape and the position of its head."""

    number: int
    tape: str | None = None
    head: int = 0


class DriveScheduler:
    """Assigns waiting tapes to free drives and reads their files."""

    def __init__(
        self,
        physics: Physics,
        catalogue: TapeCatalogue,
        *,
        count: int,
        order: Order = "position",
        wanted: Callable[[str], bool],
        read: Callable[[str, Callable[[int], Awaitable[None]]], Awaitable[None]],
    ) -> None:
        """`read` restores a path and awaits its second argument for the time of so many bytes."""
        self.drives = [Drive(number) for number in range(count)]
        self._physics = physics
        self._catalogue = catalogue
        self._wanted = wanted
        self._read = read
        self._waiting: dict[str, dict[str, int]] = {}
        self._in_request_order = order == "request"
        self._request_numbers: dict[str, int] = {}  # by path
        self._request_count = 0
        self._enqueued = asyncio.Event()

    def enqueue(self, path: str, position: TapePosition) -> None:
        """Adds a file to the queue of its tape, once."""
        self._waiting.setdefault(position.tape, {}).setdefault(path, position.position)
        self._request_count += 1
        self._request_numbers.setdefault(path, self._request_count)
        self._enqueued.set()

    def waiting(self) -> dict[str, int]:
        """Returns how many files wait for each tape."""
        return {tape: len(files) for tape, files in self._waiting.items()}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for drive in self.drives:
                group.create_task(self._work(drive))

    async def _work(self, drive: Drive) -> None:
        while True:
            while (tape := self._next_tape()) is None:
                self._enqueued.clear()
                await self._enqueued.wait()
            drive.tape, drive.head = tape, 0
            self._catalogue.record_mount(tape, drive.number)
            await self._sleep(self._physics.mount)
            await self._serve(drive, tape)
            drive.tape = None

    def _next_tape(self) -> str | None:
        """Returns the tape waiting longest that is in no drive."""
        mounted = {drive.tape for drive in self.drives}
        free = [tape for tape in self._waiting if tape not in mounted]
        if not self._in_request_order:
            return next(iter(free), None)
        return min(free, key=self._first_request, default=None)

    def _first_request(self, tape: str) -> int:
        """Returns the number of the earliest request of a tape."""
        return min(self._request_numbers[path] for path in self._waiting[tape])

    async def _serve(self, drive: Drive, tape: str) -> None:
        """Reads all waiting files of a tape, or those requested before files of other tapes."""
        while files := self._waiting.get(tape):
            other = self._next_tape() if self._in_request_order else None
            if other is not None and self._first_request(other) < self._first_request(tape):
                return
            path, position = self._next_file(files, drive.head)
            del files[path]
            del self._request_numbers[path]
            if not files:
                del self._waiting[tape]
            if self._wanted(path):
                await self._fetch(drive, path, position)

    def _next_file(self, files: dict[str, int], head: int) -> tuple[str, int]:
        if self._in_request_order:
            path = min(files, key=self._request_numbers.__getitem__)
            return path, files[path]
        position = next_position(files.values(), head)
        return min(p for p, at in files.items() if at == position), position

    async def _fetch(self, drive: Drive, path: str, position: int) -> None:
        async def wind(size: int) -> None:
            seek = self._physics.seek_seconds(drive.head, position)
            await self._sleep(seek + self._physics.read_seconds(size))
            drive.head = position + 1

        await self._read(path, wind)

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(self._physics.simulated_seconds(seconds))
