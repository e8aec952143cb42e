"""An answer as pieces in a row: bytes made here, and bytes of files in the cache. Pure.

Where each piece begins is known before any is made, so that any range can be answered alone.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from portal_downloader.http.ranges import Span


@dataclass(frozen=True, slots=True)
class Stored:
    """The content of a file in the cache."""

    sha256: str
    size: int


Piece: TypeAlias = bytes | Stored


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of a piece: `length` bytes from `start` on."""

    piece: Piece
    start: int
    length: int


class Pieces:
    """Pieces are made when they are sent: only their lengths are kept."""

    def __init__(self, lengths: Iterator[int], make: Callable[[int], Piece]) -> None:
        self._starts = array("Q", [0])
        for length in lengths:
            self._starts.append(self._starts[-1] + length)
        self._make = make

    @property
    def length(self) -> int:
        return self._starts[-1]

    def cuts(self, span: Span) -> Iterator[Cut]:
        """What makes up these bytes, in order."""
        at = span.first
        number = bisect_right(self._starts, at) - 1
        while at <= span.last:
            begins, ends = self._starts[number], self._starts[number + 1]
            if ends > begins:
                stop = min(ends, span.last + 1)
                yield Cut(self._make(number), at - begins, stop - at)
                at = stop
            number += 1


def of(pieces: Sequence[Piece]) -> Pieces:
    """Of pieces that are there already."""
    lengths = (piece.size if isinstance(piece, Stored) else len(piece) for piece in pieces)
    return Pieces(lengths, lambda number: pieces[number])
