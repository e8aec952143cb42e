"""The drives: a queue per tape, and a mounted tape serves all its waiting files in order."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from portal_local.tape.physics import Physics, Place, next_position
from portal_local.tape.shelves import Shelves


@dataclass
class Drive:
    """What a drive holds, and where its head is."""

    number: int
    tape: str | None = None
    head: int = 0


class Drives:
    def __init__(
        self,
        physics: Physics,
        shelves: Shelves,
        *,
        count: int,
        wanted: Callable[[str], bool],
        read: Callable[[str, Callable[[int], Awaitable[None]]], Awaitable[None]],
    ) -> None:
        """`read` restores one path, awaiting its second argument for the time of so many bytes."""
        self.drives = [Drive(number) for number in range(count)]
        self._physics = physics
        self._shelves = shelves
        self._wanted = wanted
        self._read = read
        self._waiting: dict[str, dict[str, int]] = {}
        self._news = asyncio.Event()

    def enqueue(self, path: str, place: Place) -> None:
        """Wait for the tape; a path that waits already waits once."""
        self._waiting.setdefault(place.tape, {}).setdefault(path, place.position)
        self._news.set()

    def waiting(self) -> dict[str, int]:
        """How many files wait for which tape."""
        return {tape: len(files) for tape, files in self._waiting.items()}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for drive in self.drives:
                group.create_task(self._work(drive))

    async def _work(self, drive: Drive) -> None:
        while True:
            while (tape := self._next_tape()) is None:
                self._news.clear()
                await self._news.wait()
            drive.tape, drive.head = tape, 0
            self._shelves.mounted(tape, drive.number)
            await self._spend(self._physics.mount)
            await self._serve(drive, tape)
            drive.tape = None

    def _next_tape(self) -> str | None:
        """The tape waited for longest that no drive holds."""
        held = {drive.tape for drive in self.drives}
        return next((tape for tape in self._waiting if tape not in held), None)

    async def _serve(self, drive: Drive, tape: str) -> None:
        while files := self._waiting.get(tape):
            position = next_position(files.values(), drive.head)
            path = min(p for p, at in files.items() if at == position)
            del files[path]
            if self._wanted(path):
                await self._fetch(drive, path, position)
        self._waiting.pop(tape, None)

    async def _fetch(self, drive: Drive, path: str, position: int) -> None:
        async def wind(size: int) -> None:
            distance = self._physics.moving(drive.head, position)
            await self._spend(distance + self._physics.reading(size))
            drive.head = position + 1

        await self._read(path, wind)

    async def _spend(self, seconds: float) -> None:
        await asyncio.sleep(self._physics.scaled(seconds))
