"""A tar archive laid out from names and sizes (POSIX.1-2001, pax). Pure."""

import tarfile
from collections.abc import Iterator, Sequence
from datetime import datetime

from portal_downloader.bundles.bagit import Entry
from portal_downloader.http.segments import Piece, Pieces

BLOCK = tarfile.BLOCKSIZE
END = 2 * BLOCK


class Tar:
    """The layout of one archive."""

    def __init__(self, entries: Sequence[Entry], moment: datetime) -> None:
        self._entries = entries
        self._seconds = int(moment.timestamp())
        self.pieces = Pieces(self._lengths(), self._piece)

    def _lengths(self) -> Iterator[int]:
        """Of each: what fills up the one before, with its header; its content. Then the end."""
        for number, entry in enumerate(self._entries):
            yield len(self._header(number))
            yield entry.size
        yield len(self._tail())

    def _piece(self, number: int) -> Piece:
        which, content = divmod(number, 2)
        if which == len(self._entries):
            return self._tail()
        return self._entries[which].content if content else self._header(which)

    def _header(self, number: int) -> bytes:
        entry = self._entries[number]
        told = tarfile.TarInfo(entry.name)
        told.size, told.mtime, told.mode = entry.size, self._seconds, 0o644
        return self._filling(number) + told.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")

    def _filling(self, number: int) -> bytes:
        """Up to the next block, after the entry before this one."""
        return bytes(-self._entries[number - 1].size % BLOCK) if number else b""

    def _tail(self) -> bytes:
        return self._filling(len(self._entries)) + bytes(END)
