"""Layout of a zip archive, computed from names, sizes and CRC-32 without reading any file.

Entries are stored, not compressed; zip64 is used where a size, an offset or the count needs it
(APPNOTE 6.3.10).
"""

import struct
from array import array
from collections.abc import Iterator, Sequence
from datetime import datetime

from portal_downloader.bundles.bagit import Entry
from portal_downloader.http.segments import Segment, Segments

MAX_UINT32 = 0xFFFF_FFFF
MAX_UINT16 = 0xFFFF
UTF8 = 0x0800
PLAIN, ZIP64 = 20, 45  # version needed to unpack
UNIX = 3 << 8  # made by
REGULAR = 0o100644 << 16


class Zip:
    """The layout of one archive. Raises ValueError for an entry without CRC-32."""

    def __init__(self, entries: Sequence[Entry], moment: datetime) -> None:
        unknown = next((e.name for e in entries if e.crc32 is None), None)
        if unknown is not None:
            raise ValueError(f"the CRC-32 of {unknown!r} is unknown")
        self._entries = entries
        self._names = [entry.name.encode() for entry in entries]
        self._time, self._date = _dos(moment)
        self._offsets = array("Q", self._compute_offsets())
        self._directory_starts = self._end
        self._directory_length = sum(map(self._directory_entry_length, range(len(entries))))
        self.segments = Segments(self._lengths(), self._piece)

    _end = 0

    def _compute_offsets(self) -> Iterator[int]:
        for number, entry in enumerate(self._entries):
            yield self._end
            self._end += self._header_length(number) + entry.size

    def _header_length(self, number: int) -> int:
        return (
            30 + len(self._names[number]) + (20 if self._entries[number].size >= MAX_UINT32 else 0)
        )

    def _directory_entry_length(self, number: int) -> int:
        return 46 + len(self._names[number]) + len(self._directory_extra(number))

    def _lengths(self) -> Iterator[int]:
        """Yields the lengths of header and content of each entry, the directory, and its end."""
        for number, entry in enumerate(self._entries):
            yield self._header_length(number)
            yield entry.size
        yield from map(self._directory_entry_length, range(len(self._entries)))
        yield len(self._tail())

    def _piece(self, number: int) -> Segment:
        count = len(self._entries)
        if number < 2 * count:
            which, content = divmod(number, 2)
            return self._entries[which].content if content else self._header(which)
        number -= 2 * count
        return self._directory_entry(number) if number < count else self._tail()

    def _header(self, number: int) -> bytes:
        entry, name = self._entries[number], self._names[number]
        large = entry.size >= MAX_UINT32
        extra = struct.pack("<HHQQ", 1, 16, entry.size, entry.size) if large else b""
        size = MAX_UINT32 if large else entry.size
        fixed = struct.pack(
            "<4sHHHHHLLLHH", b"PK\3\4", ZIP64 if large else PLAIN, UTF8, 0, self._time, self._date,
            entry.crc32, size, size, len(name), len(extra),
        )  # fmt: skip
        return fixed + name + extra

    def _directory_extra(self, number: int) -> bytes:
        size, offset = self._entries[number].size, self._offsets[number]
        values = [size, size] if size >= MAX_UINT32 else []
        values += [offset] if offset >= MAX_UINT32 else []
        return struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values) if values else b""

    def _directory_entry(self, number: int) -> bytes:
        entry, name = self._entries[number], self._names[number]
        extra = self._directory_extra(number)
        size = min(entry.size, MAX_UINT32)
        fixed = struct.pack(
            "<4sHHHHHHLLLHHHHHLL", b"PK\1\2", UNIX | ZIP64, ZIP64 if extra else PLAIN, UTF8, 0,
            self._time, self._date, entry.crc32, size, size, len(name), len(extra), 0, 0, 0,
            REGULAR, min(self._offsets[number], MAX_UINT32),
        )  # fmt: skip
        return fixed + name + extra

    def _tail(self) -> bytes:
        count, starts, length = len(self._entries), self._directory_starts, self._directory_length
        tail = b""
        if count >= MAX_UINT16 or starts >= MAX_UINT32 or length >= MAX_UINT32:
            tail = struct.pack(
                "<4sQHHLLQQQQ", b"PK\6\6", 44, UNIX | ZIP64, ZIP64, 0, 0, count, count, length,
                starts,
            )  # fmt: skip
            tail += struct.pack("<4sLQL", b"PK\6\7", 0, starts + length, 1)
        few = min(count, MAX_UINT16)
        return tail + struct.pack(
            "<4sHHHHLLH",
            b"PK\5\6",
            0,
            0,
            few,
            few,
            min(length, MAX_UINT32),
            min(starts, MAX_UINT32),
            0,
        )


def _dos(moment: datetime) -> tuple[int, int]:
    """Returns time and date in the format of MS-DOS, with a resolution of two seconds."""
    year = min(max(moment.year, 1980), 2107)
    time = moment.hour << 11 | moment.minute << 5 | moment.second // 2
    return time, (year - 1980) << 9 | moment.month << 5 | moment.day
