"""A part of a volume that is read completely before its shards are written.

It is in memory, or in a scratch file if it is too large for that. Voxels are ordered shard by
shard, so that a shard is read at once.
"""

import mmap
import os
from collections.abc import Iterator
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from portal_cli.pyramid.grid import CHUNK, SHARD, box_of, lengths_of
from portal_cli.pyramid.source import Box, Triple, Voxels


class Slab(Protocol):
    def store(self, box: Box, voxels: Voxels) -> None: ...

    def layers(self, number: Triple) -> Iterator[Voxels]:
        """Yields the layers of 64 voxels along z of a shard."""
        ...

    def remove(self) -> None:
        """Frees the slab, of which nothing is read any more."""
        ...


class _Tiles:
    """The shards of a region, and where each begins, counted in voxels."""

    def __init__(self, region: Box, shape: Triple) -> None:
        self.boxes: dict[Triple, Box] = {}
        self.offsets: dict[Triple, int] = {}
        self.voxels = 0
        for number in shards_of(region):
            box = box_of(number, SHARD, shape)
            self.boxes[number], self.offsets[number] = box, self.voxels
            self.voxels += prod(lengths_of(box))

    def parts(self, box: Box) -> Iterator[tuple[Triple, Box, Box]]:
        """Yields the shards that a box touches: number, the part in the shard and in the box."""
        for number in shards_of(box):
            tile = self.boxes[number]
            both = [
                slice(max(a.start, b.start), min(a.stop, b.stop))
                for a, b in zip(tile, box, strict=True)
            ]
            yield number, _relative(both, tile), _relative(both, box)


def _relative(part: list[slice], to: Box) -> Box:
    z, y, x = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(part, to, strict=True))
    return (z, y, x)


def shards_of(box: Box) -> list[Triple]:
    """Returns the numbers of the shards that a box touches."""
    z, y, x = (range(part.start // SHARD, -(-part.stop // SHARD)) for part in box)
    return list(product(z, y, x))


def _allocate(voxels: int, dtype: np.dtype[Any]) -> Voxels:
    """Returns memory whose pages are there: together they come in a quarter of the time."""
    if not hasattr(mmap, "MAP_POPULATE"):  # not on Linux
        return np.empty(voxels, dtype)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE
    return np.frombuffer(mmap.mmap(-1, voxels * dtype.itemsize, flags=flags), dtype)


class SlabMemory:
    """Memory of slabs that are done, for the next ones: the first use of memory is slow."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._free: list[Voxels] = []

    def take(self, voxels: int) -> Voxels:
        """Returns memory for at least so many voxels; its content is not defined."""
        for number, memory in enumerate(self._free):
            if memory.size >= voxels:
                return self._free.pop(number)
        return _allocate(voxels, self._dtype)

    def give_back(self, memory: Voxels) -> None:
        self._free.append(memory)


class MemorySlab:
    def __init__(self, region: Box, shape: Triple, memory: SlabMemory) -> None:
        self._tiles = _Tiles(region, shape)
        self._memory = memory
        self._voxels = memory.take(self._tiles.voxels)

    def remove(self) -> None:
        self._memory.give_back(self._voxels)

    def store(self, box: Box, voxels: Voxels) -> None:
        for number, inside, source in self._tiles.parts(box):
            self._tile(number)[inside] = voxels[source]

    def layers(self, number: Triple) -> Iterator[Voxels]:
        tile = self._tile(number)
        for start in range(0, tile.shape[0], CHUNK):
            yield tile[start : start + CHUNK]

    def _tile(self, number: Triple) -> Voxels:
        lengths = lengths_of(self._tiles.boxes[number])
        start = self._tiles.offsets[number]
        return self._voxels[start : start + prod(lengths)].reshape(lengths)


class ScratchSlab:
    """A slab in a file. Another run of the same plan continues with what `is_stored` says."""

    def __init__(
        self, path: Path, region: Box, shape: Triple, dtype: np.dtype[Any], pieces: int
    ) -> None:
        self._tiles = _Tiles(region, shape)
        self._dtype = dtype
        self._path = path
        self._stored_path = path.with_name(path.name + ".stored")
        self._voxels = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self._stored = os.open(self._stored_path, os.O_RDWR | os.O_CREAT, 0o644)
        os.ftruncate(self._stored, pieces)

    def store(self, box: Box, voxels: Voxels) -> None:
        for number, inside, source in self._tiles.parts(box):
            self._write(number, inside, np.ascontiguousarray(voxels[source], self._dtype))

    def mark_stored(self, piece: int) -> None:
        os.pwrite(self._stored, b"\1", piece)

    def is_stored(self, piece: int) -> bool:
        return os.pread(self._stored, 1, piece) == b"\1"

    def layers(self, number: Triple) -> Iterator[Voxels]:
        depth, height, width = lengths_of(self._tiles.boxes[number])
        for start in range(0, depth, CHUNK):
            count = min(CHUNK, depth - start)
            voxels = np.empty((count, height, width), self._dtype)
            self._fill(voxels, self._position(number, start * height * width))
            yield voxels

    def remove(self) -> None:
        os.close(self._voxels)
        os.close(self._stored)
        self._stored_path.unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)

    def _position(self, number: Triple, voxel: int) -> int:
        return (self._tiles.offsets[number] + voxel) * self._dtype.itemsize

    def _write(self, number: Triple, inside: Box, voxels: Voxels) -> None:
        _, height, width = lengths_of(self._tiles.boxes[number])
        z, y, x = inside
        if lengths_of(inside)[1:] == (height, width):
            rows, first = [voxels], [z.start * height * width]
        elif x.stop - x.start == width:
            rows = list(voxels)
            first = [(n * height + y.start) * width for n in range(z.start, z.stop)]
        else:
            rows = [row for plane in voxels for row in plane]
            places = product(range(z.start, z.stop), range(y.start, y.stop))
            first = [(n * height + row) * width + x.start for n, row in places]
        for content, voxel in zip(rows, first, strict=True):
            self._write_all(content.data.cast("B"), self._position(number, voxel))

    def _write_all(self, content: memoryview, position: int) -> None:
        while content:
            written = os.pwrite(self._voxels, content, position)
            content, position = content[written:], position + written

    def _fill(self, voxels: Voxels, position: int) -> None:
        content = voxels.data.cast("B")
        while content:
            count = os.preadv(self._voxels, [content], position)
            if not count:
                raise OSError(f"the scratch file {self._path.name} is too short")
            content, position = content[count:], position + count
