"""Where files lie on tape and how long it takes to reach them. Pure.

A tape has as many positions as it holds files. Moving costs time in proportion to the distance,
such that a move between two places at random takes `seek` seconds; the next position is reached
by reading on.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    tape: str
    position: int


@dataclass(frozen=True)
class Physics:
    """Seconds, bytes per second, and the size of the library."""

    mount: float = 16.0
    seek: float = 65.0
    rate: float = 400e6
    files_per_tape: int = 400
    tapes: int = 64
    collocation: int = 2
    speed_factor: float = 200.0

    def family(self, path: str) -> str:
        """The folder whose files lie together: the first `collocation` folders of the path."""
        return "/".join(path.split("/")[:-1][: self.collocation + 1]) or "/"

    def place(self, family: str, rank: int) -> Place:
        """Of the file written as number `rank` of its family, which begins somewhere on a tape."""
        start = zlib.crc32(family.encode())
        tape, begin = start % self.tapes, start // self.tapes % self.files_per_tape
        further, position = divmod(begin + rank, self.files_per_tape)
        return Place(f"VT{(tape + further) % self.tapes:04d}", position)

    def moving(self, head: int, position: int) -> float:
        return 3 * self.seek * abs(position - head) / self.files_per_tape

    def reading(self, size: int) -> float:
        return size / self.rate

    def scaled(self, seconds: float) -> float:
        """How long the simulator takes for it."""
        return seconds / self.speed_factor


def next_position(waiting: Iterable[int], head: int) -> int:
    """The nearest one ahead of the head, else the first of the tape."""
    positions = sorted(waiting)
    return next((p for p in positions if p >= head), positions[0])
