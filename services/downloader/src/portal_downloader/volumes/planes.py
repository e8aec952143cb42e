"""Reads planes of volumes from files of the cache.

The row of chunks in which a plane lies stays in memory for its neighbours, if it is small enough.
"""

import asyncio
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from portal_downloader.crops.box import Box
from portal_downloader.crops.errors import InvalidChunk
from portal_downloader.http.access import FilesOffline
from portal_downloader.http.segments import StoredContent
from portal_downloader.volumes.bounded_cache import BoundedCache
from portal_downloader.volumes.description import Description, Plane
from portal_downloader.volumes.slice_request import MAX_SIZE, SliceTooLarge
from portal_downloader.volumes.volume_files import VolumeFiles, contents_of

MAX_DECODED_VOXELS = 2**26  # of all chunks of a plane: 1024 x 1024 in chunks of 64 voxels
MAX_FILES = 4096  # of a plane
MAX_CACHED_FILES = 2**19  # names in memory, of all planes together
SLAB_SHARE = 4  # a row of chunks stays if it takes at most this part of the memory


class DamagedChunk(Exception):
    """A chunk cannot be decoded."""

    def __init__(self, location: str, chunk: tuple[int, int, int], reason: str) -> None:
        super().__init__(f"{location!r}: {reason}")
        self.location = location  # of its file
        self.chunk = chunk  # its numbers along z, y and x
        self.reason = reason


@dataclass(frozen=True)
class PlaneFiles:
    """The files of a row of chunks, by name in the volume; those missing hold the fill value."""

    contents: Mapping[str, StoredContent]
    digest: str  # of names and contents


class PlaneReader:
    def __init__(self, files: VolumeFiles, *, memory_bytes: int) -> None:
        self._files = files
        self._rows = BoundedCache[PlaneFiles](MAX_CACHED_FILES)
        self._slabs = BoundedCache[Any](memory_bytes)

    def check_cost(self, plane: Plane) -> None:
        """Raises SliceTooLarge if the plane is too large, or needs too many chunks."""
        voxels, number = plane.voxels, plane.level.number
        advice = "request a coarser level, or a crop"
        if max(plane.sides) > MAX_SIZE:
            rows, columns = plane.sides
            reason = f"a plane of level {number} has {columns} x {rows} pixels, at most"
            raise SliceTooLarge(f"{reason} {MAX_SIZE} are drawn: {advice}", field="level")
        decoded = plane.box.decoded_voxels(voxels.chunk)
        files = math.prod(len(n) for n in plane.box.chunk_ranges(voxels.stored_chunk))
        if decoded > MAX_DECODED_VOXELS or files > MAX_FILES:
            shape = " x ".join(map(str, voxels.chunk))
            reason = f"a plane of level {number} needs {decoded} voxels in chunks of {shape}"
            raise SliceTooLarge(f"{reason} (z, y, x): {advice}", field="level")

    async def files_of(self, description: Description, plane: Plane) -> PlaneFiles:
        """Returns the files of the plane. Raises FilesOffline if one of them is not online."""
        key = self._row_key(description, plane)
        found = self._rows.get(key)
        if found is None:
            found = await self._load_files(description, plane)
            self._rows.put(key, found, 1 + len(found.contents))
        missing = await self._files.access.missing(found.contents)
        if missing:
            locations = [f"{description.folder}{name}" for name in missing]
            await self._files.online_rows(description.pid, locations)  # raises FilesOffline
            rows = await self._files.files.find_many(description.pid, locations)
            raise FilesOffline(rows, len(found.contents))  # recalled at this very moment
        digests = [stored.sha256 for stored in found.contents.values()]
        await self._files.access.mark_used(digests, tag=found.digest)
        return found

    async def _load_files(self, description: Description, plane: Plane) -> PlaneFiles:
        names = await asyncio.to_thread(lambda: list(plane.voxels.keys(plane.slab)))
        locations = [f"{description.folder}{name}" for name in names]
        rows = await self._files.files.find_many(description.pid, locations)
        contents = contents_of(rows, description.folder)
        facts = sorted((name, stored.sha256) for name, stored in contents.items())
        digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
        return PlaneFiles(contents, digest)

    def _row_key(self, description: Description, plane: Plane) -> tuple[Any, ...]:
        number = plane.index // plane.voxels.stored_chunk[plane.axis]
        return (*_identity(description), plane.level.number, plane.axis, number)

    def read(self, description: Description, plane: Plane, files: PlaneFiles) -> Any:
        """Returns the plane as rows and columns. Blocking.

        Raises DamagedChunk, and FileEvicted if a file has left the cache meanwhile.
        """
        slab_box = plane.slab
        key = (*_identity(description), plane.level.number, plane.axis, slab_box.start)
        slab = self._slabs.get(key)
        if slab is None:
            size = slab_box.voxels * plane.voxels.dtype.itemsize
            is_small = size <= self._slabs.limit // SLAB_SHARE
            box = slab_box if is_small else plane.box
            slab = self._read_box(description, plane, files, box)
            if is_small:
                self._slabs.put(key, slab, size)
            else:
                slab_box = box
        return slab.take(plane.index - slab_box.start[plane.axis], plane.axis)

    def _read_box(self, description: Description, plane: Plane, files: PlaneFiles, box: Box) -> Any:
        voxels = plane.voxels.with_files(files.contents)
        try:
            return voxels.read(box)
        except InvalidChunk as error:
            reason = str(error)
        for numbers in product(*box.chunk_ranges(voxels.chunk)):
            one = _chunk_box(numbers, voxels.chunk, voxels.shape)
            try:
                voxels.read(one)
            except InvalidChunk as error:
                [name] = voxels.keys(one)
                raise DamagedChunk(f"{description.folder}{name}", numbers, str(error)) from error
        raise DamagedChunk(plane.level.folder, (0, 0, 0), reason)


def _identity(description: Description) -> tuple[str, str, str]:
    return description.pid, description.version, description.folder


def _chunk_box(
    numbers: tuple[int, ...], chunk: tuple[int, int, int], shape: tuple[int, int, int]
) -> Box:
    """Returns the voxels of a chunk."""
    start = [n * c for n, c in zip(numbers, chunk, strict=True)]
    stop = [min(a + c, n) for a, c, n in zip(start, chunk, shape, strict=True)]
    return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
