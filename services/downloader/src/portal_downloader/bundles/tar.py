"""Layout of a tar archive, computed from names and sizes (POSIX.1-2001, pax)."""

import tarfile
from collections.abc import Iterator, Sequence
from datetime import datetime

from portal_downloader.bundles.bagit import Entry
from portal_downloader.http.segments import Segment, Segments

BLOCK = tarfile.BLOCKSIZE
END = 2 * BLOCK


class Tar:
    """The layout of one archive."""

    def __init__(self, entries: Sequence[Entry], moment: datetime) -> None:
        self._entries = entries
        self._seconds = int(moment.timestamp())
        self.segments = Segments(self._lengths(), self._piece)

    def _lengths(self) -> Iterator[int]:
        """Yields the lengths of the header (after padding) and content of each entry, then of the
        end.
        """
        for number, entry in enumerate(self._entries):
            yield len(self._header(number))
            yield entry.size
        yield len(self._tail())

    def _piece(self, number: int) -> Segment:
        which, content = divmod(number, 2)
        if which == len(self._entries):
            return self._tail()
        return self._entries[which].content if content else self._header(which)

    def _header(self, number: int) -> bytes:
        entry = self._entries[number]
        header = tarfile.TarInfo(entry.name)
        header.size, header.mtime, header.mode = entry.size, self._seconds, 0o644
        return self._padding(number) + header.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")

    def _padding(self, number: int) -> bytes:
        """Returns the padding to the next block after the previous entry."""
        return bytes(-self._entries[number - 1].size % BLOCK) if number else b""

    def _tail(self) -> bytes:
        return self._padding(len(self._entries)) + bytes(END)
