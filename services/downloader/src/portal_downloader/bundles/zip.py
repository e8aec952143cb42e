"""A zip archive laid out from names, sizes and CRC-32 sums: nothing is read for it. Pure.

Stored, not deflated; zip64 where a size, an offset or the count needs it (APPNOTE 6.3.10).
"""

import struct
from array import array
from collections.abc import Iterator, Sequence
from datetime import datetime

from portal_downloader.bundles.bagit import Entry
from portal_downloader.http.segments import Piece, Pieces

MOST = 0xFFFF_FFFF
MOST_ENTRIES = 0xFFFF
UTF8 = 0x0800
PLAIN, ZIP64 = 20, 45  # version needed to unpack
UNIX = 3 << 8  # made by
REGULAR = 0o100644 << 16


class Zip:
    """The layout of one archive. Raises ValueError for an entry whose CRC-32 is not known."""

    def __init__(self, entries: Sequence[Entry], moment: datetime) -> None:
        unknown = next((e.name for e in entries if e.crc32 is None), None)
        if unknown is not None:
            raise ValueError(f"the CRC-32 of {unknown!r} is not known")
        self._entries = entries
        self._names = [entry.name.encode() for entry in entries]
        self._time, self._date = _dos(moment)
        self._offsets = array("Q", self._laid_out())
        self._directory_starts = self._end
        self._directory_length = sum(map(self._directory_entry_length, range(len(entries))))
        self.pieces = Pieces(self._lengths(), self._piece)

    _end = 0

    def _laid_out(self) -> Iterator[int]:
        for number, entry in enumerate(self._entries):
            yield self._end
            self._end += self._header_length(number) + entry.size

    def _header_length(self, number: int) -> int:
        return 30 + len(self._names[number]) + (20 if self._entries[number].size >= MOST else 0)

    def _directory_entry_length(self, number: int) -> int:
        return 46 + len(self._names[number]) + len(self._directory_extra(number))

    def _lengths(self) -> Iterator[int]:
        """Header and content of each, then the directory, then its end."""
        for number, entry in enumerate(self._entries):
            yield self._header_length(number)
            yield entry.size
        yield from map(self._directory_entry_length, range(len(self._entries)))
        yield len(self._tail())

    def _piece(self, number: int) -> Piece:
        count = len(self._entries)
        if number < 2 * count:
            which, content = divmod(number, 2)
            return self._entries[which].content if content else self._header(which)
        number -= 2 * count
        return self._directory_entry(number) if number < count else self._tail()

    def _header(self, number: int) -> bytes:
        entry, name = self._entries[number], self._names[number]
        large = entry.size >= MOST
        extra = struct.pack("<HHQQ", 1, 16, entry.size, entry.size) if large else b""
        size = MOST if large else entry.size
        fixed = struct.pack(
            "<4sHHHHHLLLHH", b"PK\3\4", ZIP64 if large else PLAIN, UTF8, 0, self._time, self._date,
            entry.crc32, size, size, len(name), len(extra),
        )  # fmt: skip
        return fixed + name + extra

    def _directory_extra(self, number: int) -> bytes:
        size, offset = self._entries[number].size, self._offsets[number]
        told = [size, size] if size >= MOST else []
        told += [offset] if offset >= MOST else []
        return struct.pack(f"<HH{len(told)}Q", 1, 8 * len(told), *told) if told else b""

    def _directory_entry(self, number: int) -> bytes:
        entry, name = self._entries[number], self._names[number]
        extra = self._directory_extra(number)
        size = min(entry.size, MOST)
        fixed = struct.pack(
            "<4sHHHHHHLLLHHHHHLL", b"PK\1\2", UNIX | ZIP64, ZIP64 if extra else PLAIN, UTF8, 0,
            self._time, self._date, entry.crc32, size, size, len(name), len(extra), 0, 0, 0,
            REGULAR, min(self._offsets[number], MOST),
        )  # fmt: skip
        return fixed + name + extra

    def _tail(self) -> bytes:
        count, starts, length = len(self._entries), self._directory_starts, self._directory_length
        tail = b""
        if count >= MOST_ENTRIES or starts >= MOST or length >= MOST:
            tail = struct.pack(
                "<4sQHHLLQQQQ", b"PK\6\6", 44, UNIX | ZIP64, ZIP64, 0, 0, count, count, length,
                starts,
            )  # fmt: skip
            tail += struct.pack("<4sLQL", b"PK\6\7", 0, starts + length, 1)
        few = min(count, MOST_ENTRIES)
        return tail + struct.pack(
            "<4sHHHHLLH", b"PK\5\6", 0, 0, few, few, min(length, MOST), min(starts, MOST), 0
        )


def _dos(moment: datetime) -> tuple[int, int]:
    """Time and date as MS-DOS has them: two seconds fine."""
    year = min(max(moment.year, 1980), 2107)
    time = moment.hour << 11 | moment.minute << 5 | moment.second // 2
    return time, (year - 1980) << 9 | moment.month << 5 | moment.day
