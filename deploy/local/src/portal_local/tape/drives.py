"""The drives: a queue per tape, and a mounted tape serves all its waiting files in order."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from portal_local.tape.physics import Physics, Place, next_position
from portal_local.tape.shelves import Shelves

Order = Literal["position", "asked"]
"""A mounted tape serves all that wait for it as they lie; or files come as they were asked."""


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
        order: Order = "position",
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
        self._as_asked = order == "asked"
        self._turns: dict[str, int] = {}  # of paths, where that counts
        self._asked = 0
        self._news = asyncio.Event()

    def enqueue(self, path: str, place: Place) -> None:
        """Wait for the tape; a path that waits already waits once."""
        self._waiting.setdefault(place.tape, {}).setdefault(path, place.position)
        self._asked += 1
        self._turns.setdefault(path, self._asked)
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
        free = [tape for tape in self._waiting if tape not in held]
        if not self._as_asked:
            return next(iter(free), None)
        return min(free, key=self._first_turn, default=None)

    def _first_turn(self, tape: str) -> int:
        """Of the files that wait for it."""
        return min(self._turns[path] for path in self._waiting[tape])

    async def _serve(self, drive: Drive, tape: str) -> None:
        """All that wait for it, or those whose turn it is."""
        while files := self._waiting.get(tape):
            other = self._next_tape() if self._as_asked else None
            if other is not None and self._first_turn(other) < self._first_turn(tape):
                return
            path, position = self._next_file(files, drive.head)
            del files[path]
            del self._turns[path]
            if not files:
                del self._waiting[tape]
            if self._wanted(path):
                await self._fetch(drive, path, position)

    def _next_file(self, files: dict[str, int], head: int) -> tuple[str, int]:
        if self._as_asked:
            path = min(files, key=self._turns.__getitem__)
            return path, files[path]
        position = next_position(files.values(), head)
        return min(p for p, at in files.items() if at == position), position

    async def _fetch(self, drive: Drive, path: str, position: int) -> None:
        async def wind(size: int) -> None:
            distance = self._physics.moving(drive.head, position)
            await self._spend(distance + self._physics.reading(size))
            drive.head = position + 1

        await self._read(path, wind)

    async def _spend(self, seconds: float) -> None:
        await asyncio.sleep(self._physics.scaled(seconds))
