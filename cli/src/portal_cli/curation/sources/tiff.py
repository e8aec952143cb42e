"""Slices of TIFF files, and of the pages of one TIFF file.

Rows of uncompressed slices are read where they are; of others, the strips or tiles are decoded.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from threading import Lock
from typing import Any, Literal, TypeAlias

import numpy as np
import tifffile

from portal_cli.curation.sources.axes import check_dtype
from portal_cli.pyramid.source import SourceFault, Triple, Voxels

ByteOrder: TypeAlias = Literal["<", ">"]
MAX_CACHED_SEGMENTS = 500_000  # strips and tiles of parsed files: some tens of megabytes
PAGE_COST = 100  # of a parsed file beside its strips, as so many segments


@dataclass(frozen=True)
class Page:
    """Where a slice is: in which file, and there its page, or the position of its voxels."""

    location: str  # below the folder
    number: int = 0
    offset: int | None = None


class TiffSlices:
    """The slices of a volume; all have the shape and type of the first. Raises SourceFault."""

    def __init__(self, folder: Path, pages: Sequence[Page], byteorder: ByteOrder = "<") -> None:
        self._folder = folder
        self._pages = list(pages)
        self._byteorder: ByteOrder = byteorder
        self._places: dict[int, tuple[int, str] | None] = {}  # of uncompressed slices
        self._lock = Lock()
        self._files: dict[str, Any] = {}  # of several pages: open, since pages form a chain
        self._cached: dict[str, Any] = {}  # first pages of closed files: each is read several times
        self._cached_segments = 0
        first = self._pages[0]
        page = self._page(first)
        self._lengths = self._check(page, first)
        self.dtype = check_dtype(page.dtype, first.location)
        is_raw = first.offset is not None or page.is_contiguous
        self.rows_at_once = 1 if is_raw else _rows_at_once(page)
        self.decoded_bytes = self.rows_at_once * self._lengths[1] * self.dtype.itemsize * 2

    @property
    def shape(self) -> Triple:
        return (len(self._pages), *self._lengths)

    def rows(self, number: int, start: int, stop: int) -> Voxels:
        page = self._pages[number]
        try:
            place = self._place(number)
            if place is None:
                return self._decoded(page, start, stop)
            return self._raw(page, place, start, stop)
        except SourceFault:
            raise
        except OSError as error:
            raise SourceFault(
                page.location, f"cannot be read: {error.strerror or error}"
            ) from error
        except Exception as error:  # of any codec, for any broken file
            reason = str(error)[:200] or type(error).__name__
            raise SourceFault(page.location, f"is damaged: {reason}") from error

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def _place(self, number: int) -> tuple[int, str] | None:
        """Returns the position and type of the voxels; None if they must be decoded."""
        page = self._pages[number]
        if page.offset is not None:
            return page.offset, self.dtype.newbyteorder(self._byteorder).str
        if number not in self._places:
            found = self._page(page)
            lengths, dtype = self._check(found, page), np.dtype(found.dtype)
            if lengths != self._lengths or dtype.name != self.dtype.name:
                actual = f"{lengths[1]} x {lengths[0]} voxels of {dtype.name}"
                usual = f"{self._lengths[1]} x {self._lengths[0]} of {self.dtype.name}"
                raise SourceFault(page.location, f"has {actual}, but the first slice has {usual}")
            is_raw = found.is_contiguous
            order: ByteOrder = found.parent.byteorder
            self._places[number] = (
                (found.dataoffsets[0], self.dtype.newbyteorder(order).str) if is_raw else None
            )
        return self._places[number]

    def _raw(self, page: Page, place: tuple[int, str], start: int, stop: int) -> Voxels:
        width = self._lengths[1] * self.dtype.itemsize
        with (self._folder / page.location).open("rb", buffering=0) as file:
            content = os.pread(file.fileno(), (stop - start) * width, place[0] + start * width)
        if len(content) < (stop - start) * width:
            raise SourceFault(page.location, "is cut off: it ends before its last row")
        return np.frombuffer(content, place[1]).reshape(stop - start, -1)

    def _decoded(self, page: Page, start: int, stop: int) -> Voxels:
        found = self._page(page)
        is_tiled = found.is_tiled
        height = found.tilelength if is_tiled else min(found.rowsperstrip, self._lengths[0])
        columns = ceil(self._lengths[1] / found.tilewidth) if is_tiled else 1
        voxels = np.zeros((stop - start, self._lengths[1]), self.dtype)
        with (self._folder / page.location).open("rb", buffering=0) as file:
            for index in range(start // height * columns, ceil(stop / height) * columns):
                count, offset = found.databytecounts[index], found.dataoffsets[index]
                content = os.pread(file.fileno(), count, offset) if count else None
                if content is not None and len(content) < count:
                    raise SourceFault(page.location, "is cut off: it ends before its last row")
                tables = {"jpegtables": found.jpegtables} if found.jpegtables else {}
                segment, position, shape = found.decode(content, index, **tables)
                if segment is not None:
                    part = segment[0, : shape[1], : shape[2], 0]
                    _place_segment(voxels, part, (position[-3] - start, position[-2]))
        return voxels

    def _page(self, page: Page) -> Any:
        """Returns the page with its tags; the file of a single page is closed again."""
        if sum(one.location == page.location for one in self._pages[:2]) < 2:  # noqa: PLR2004
            return self._cached.get(page.location) or self._first_page(page.location)
        with self._lock:
            if page.location not in self._files:
                path = self._folder / page.location
                self._files[page.location] = tifffile.TiffFile(path, _multifile=False)
            return self._files[page.location].pages[page.number].aspage()

    def _first_page(self, location: str) -> Any:
        """Parses a file, and caches the result as long as there is room."""
        with tifffile.TiffFile(self._folder / location, _multifile=False) as file:
            found: Any = file.pages.first
        with self._lock:
            segments = self._cached_segments + len(found.dataoffsets) + PAGE_COST
            if segments <= MAX_CACHED_SEGMENTS:
                self._cached[location], self._cached_segments = found, segments
        return found

    def _check(self, found: Any, page: Page) -> tuple[int, int]:
        """Returns the lengths along y and x. Raises SourceFault for several values per voxel."""
        if found.samplesperpixel > 1:
            reason = f"has {found.samplesperpixel} values in each voxel: a pyramid has one"
            raise SourceFault(page.location, reason)
        return found.imagelength, found.imagewidth


def _rows_at_once(page: Any) -> int:
    return page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength)


def _place_segment(voxels: Voxels, part: Voxels, at: tuple[int, int]) -> None:
    """Copies the part of a strip or tile that lies in the rows; `at` may be before them."""
    first = max(0, -at[0])
    target = voxels[max(0, at[0]) : at[0] + part.shape[0], at[1] : at[1] + part.shape[1]]
    target[:] = part[first : first + target.shape[0], : target.shape[1]]


def pages_of(path: Path, location: str, series_number: int) -> tuple[list[Page], ByteOrder]:
    """Returns the slices in one file, and its byte order. Raises SourceFault for other files."""
    with tifffile.TiffFile(path, _multifile=False) as file:
        series = file.series[series_number]
        lengths = [n for n in series.shape if n > 1]
        if series.axes[-2:] != "YX":
            reason = f"has the axes {series.axes}: a pyramid is made of pages with y and x"
            raise SourceFault(location, reason)
        count = int(np.prod(series.shape[:-2]))
        if not lengths:
            raise SourceFault(location, "has no volume")
        if series.dataoffset is not None:
            size = int(np.prod(series.shape[-2:])) * series.dtype.itemsize
            pages = [Page(location, 0, series.dataoffset + n * size) for n in range(count)]
        else:
            pages = [Page(location, page.index) for page in series.pages if page is not None]
        if len(pages) != count:
            raise SourceFault(location, f"lacks {count - len(pages)} of its {count} pages")
        return pages, file.byteorder
