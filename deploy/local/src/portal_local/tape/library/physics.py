"""Model of the tape library: positions of files, and the time to reach and read them.

A tape has as many positions as it holds files. Moving the head takes time in proportion to the
distance, so that a move between two random positions takes `seek` seconds on average; the next
position is reached by reading on.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class TapePosition:
    """A tape and a position on it."""

    tape: str
    position: int


@dataclass(frozen=True)
class Physics:
    """Times in seconds, the rate in bytes per second, and the size of the library."""

    mount: float = 16.0
    seek: float = 65.0
    rate: float = 400e6
    files_per_tape: int = 400
    tapes: int = 64
    collocation: int = 2
    speed_factor: float = 200.0

    def family(self, path: str) -> str:
        """Returns the folder whose files are stored together: the first `collocation` folders."""
        return "/".join(path.split("/")[:-1][: self.collocation + 1]) or "/"

    def position_of(self, family: str, rank: int) -> TapePosition:
        """Returns the position of the file number `rank` of a family, which starts somewhere on a
        tape.
        """
        start = zlib.crc32(family.encode())
        tape, begin = start % self.tapes, start // self.tapes % self.files_per_tape
        further, position = divmod(begin + rank, self.files_per_tape)
        return TapePosition(f"VT{(tape + further) % self.tapes:04d}", position)

    def seek_seconds(self, head: int, position: int) -> float:
        return 3 * self.seek * abs(position - head) / self.files_per_tape

    def read_seconds(self, size: int) -> float:
        return size / self.rate

    def simulated_seconds(self, seconds: float) -> float:
        """Returns how long the simulator takes for so many seconds of a real library."""
        return seconds / self.speed_factor


def next_position(waiting: Iterable[int], head: int) -> int:
    """Returns the nearest position ahead of the head, else the first of the tape."""
    positions = sorted(waiting)
    return next((p for p in positions if p >= head), positions[0])
