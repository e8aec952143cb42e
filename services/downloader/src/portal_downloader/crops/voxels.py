"""Reads the voxels of one level with the zarr library from files of the cache. Blocking.

The library takes half a second to import, so that this module is imported only for crops.
"""

import copy
import math
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import zarr
from numpy.typing import NDArray
from typing_extensions import override
from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)
from zarr.core.array import Array, AsyncArray
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.core.config import config
from zarr.storage import StorePath

from portal_downloader.crops import codecs
from portal_downloader.crops.box import AXES, Box, Shape
from portal_downloader.crops.errors import FileEvicted, InvalidChunk
from portal_downloader.crops.volume import InvalidVolume, Level
from portal_downloader.http.segments import StoredContent

Slab: TypeAlias = NDArray[Any]
MAX_METADATA_BYTES = 4 * 2**20
MIN_DEPTH = 64  # planes that a container may request at once
COPIES_OF_SLAB = 3  # as it is read, in the order of the axes, and as bytes
COPIES_OF_CHUNK = 2  # as it is stored, and decoded


class CacheStore(Store):
    """A read-only zarr store over cached files, by their names in the volume."""

    @property
    @override
    def supports_writes(self) -> bool:
        return False

    @property
    @override
    def supports_deletes(self) -> bool:
        return False

    @property
    @override
    def supports_listing(self) -> bool:
        return True

    def __init__(
        self, files: Mapping[str, StoredContent], opened: Callable[[StoredContent], int | None]
    ) -> None:
        super().__init__(read_only=True)
        self.files = files
        self.max_bytes = MAX_METADATA_BYTES  # of one read
        self.opened = opened

    @override
    def __eq__(self, other: object) -> bool:
        return self is other

    @override
    def __hash__(self) -> int:
        return id(self)

    @override
    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        stored = self.files.get(key)
        if stored is None:
            return None
        start, stop = _bounds(byte_range, stored.size)
        if stop - start > self.max_bytes:
            raise InvalidChunk(f"{key!r} is larger than its array allows: {stop - start} bytes")
        descriptor = self.opened(stored)
        if descriptor is None:
            raise FileEvicted(f"{key!r} has left the cache")
        try:
            return prototype.buffer.from_bytes(os.pread(descriptor, stop - start, start))
        finally:
            os.close(descriptor)

    @override
    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        return [await self.get(key, prototype, which) for key, which in key_ranges]

    @override
    async def exists(self, key: str) -> bool:
        return key in self.files

    @override
    async def set(self, key: str, value: Buffer) -> None:
        self._check_writable()

    @override
    async def delete(self, key: str) -> None:
        self._check_writable()

    @override
    async def list(self) -> AsyncIterator[str]:
        for key in self.files:
            yield key

    @override
    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        for key in self.files:
            if key.startswith(prefix):
                yield key

    @override
    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        start = f"{prefix.rstrip('/')}/" if prefix else ""
        for name in {k[len(start) :].split("/")[0] for k in self.files if k.startswith(start)}:
            yield name


def _bounds(which: ByteRequest | None, size: int) -> tuple[int, int]:
    if isinstance(which, RangeByteRequest):
        return which.start, min(which.end, size)
    if isinstance(which, OffsetByteRequest):
        return which.offset, size
    if isinstance(which, SuffixByteRequest):
        return max(0, size - which.suffix), size
    return 0, size


class Voxels:
    """The array of a level with its axes in the order z, y, x. Raises InvalidVolume."""

    def __init__(self, store: CacheStore, level: Level) -> None:
        try:
            array = zarr.open_array(store, path=level.path, mode="r")
        except Exception as error:  # invalid metadata cause errors of many kinds
            raise InvalidVolume(f"level {level.path!r}: {error!r}"[:300]) from error
        self._array: Any = array
        if len(array.shape) != len(level.axes):
            raise InvalidVolume(f"level {level.path!r} does not have the axes of its volume")
        self._order = [level.axes.index(axis) for axis in AXES]
        others = [n for n in range(len(level.axes)) if n not in self._order]
        if any(array.shape[n] != 1 for n in others):
            raise InvalidVolume("the volume has other axes than z, y and x")
        self.dtype: np.dtype[Any] = np.dtype(array.dtype).newbyteorder("<")
        if self.dtype.kind not in "uif" or self.dtype.itemsize > codecs.MAX_ITEM_BYTES:
            raise InvalidVolume(f"voxels of the type {self.dtype} are not supported")
        self.path = level.path
        self.shape = self._spatial(array.shape)
        self.chunk = self._spatial(array.chunks)
        self.stored_chunk = self._spatial(array.shards or array.chunks)
        try:
            overhead = codecs.shard_overhead(self.stored_chunk, self.chunk)
        except codecs.UnsupportedCodec as error:
            raise InvalidVolume(f"level {level.path!r}: {error}") from error
        store.max_bytes = codecs.encoded_bytes(self._bytes(self.stored_chunk)) + overhead

    def with_files(self, files: Mapping[str, StoredContent]) -> "Voxels":
        """Returns the same level over these files, without reading its metadata again."""
        own: CacheStore = self._array.store
        store = CacheStore(files, own.opened)
        store.max_bytes = own.max_bytes
        array = AsyncArray[Any](self._array.metadata, StorePath(store, self.path))
        found = copy.copy(self)
        vars(found)["_array"] = Array[Any](array)
        return found

    def _bytes(self, shape: Shape) -> int:
        return math.prod(shape) * self.dtype.itemsize

    def portion_bytes(self, box: Box) -> int:
        """Returns how much memory reading one slab of the box takes at most."""
        depth = min(box.shape[0], max(self.chunk[0], MIN_DEPTH))
        slab = self._bytes((depth, box.shape[1], box.shape[2]))
        rows = -(-depth // self.chunk[0]) + 1
        _, columns, lines = box.chunk_ranges(self.chunk)
        chunks = min(rows * len(columns) * len(lines), int(config.get("async.concurrency")))
        return COPIES_OF_SLAB * slab + COPIES_OF_CHUNK * chunks * self._bytes(self.chunk)

    def _spatial(self, values: tuple[int, ...]) -> Shape:
        z, y, x = (int(values[n]) for n in self._order)
        return z, y, x

    def keys(self, box: Box) -> Iterator[str]:
        """Yields the names of the files of the box; a missing one holds the fill value."""
        for numbers in product(*box.chunk_ranges(self.stored_chunk)):
            place = [0] * len(self._array.shape)
            for axis, number in zip(self._order, numbers, strict=True):
                place[axis] = number
            yield f"{self.path}/{self._array.metadata.encode_chunk_key(tuple(place))}"

    def slabs(self, box: Box, depth: int | None = None) -> Iterator[Slab]:
        """Yields the box in slabs along z, of `depth` planes or as they are stored."""
        position, last = box.start[0], box.stop[0]
        while position < last:
            step = depth or self.chunk[0] - position % self.chunk[0]
            yield self._read(position, min(position + step, last), box)
            position += step

    def _read(self, first: int, last: int, box: Box) -> Slab:
        (_, y0, x0), (_, y1, x1) = box.start, box.stop
        return self.read(Box((first, y0, x0), (last, y1, x1)))

    def read(self, box: Box) -> Slab:
        """Returns the voxels of a box at once. Raises FileEvicted, InvalidChunk."""
        spans = [slice(a, b) for a, b in zip(box.start, box.stop, strict=True)]
        which: list[int | slice] = [0] * len(self._array.shape)
        for axis, span in zip(self._order, spans, strict=True):
            which[axis] = span
        try:
            found = np.asarray(self._array[tuple(which)])
        except (FileEvicted, InvalidChunk):
            raise
        except Exception as error:  # invalid chunks cause errors of many kinds
            raise InvalidChunk(f"a chunk cannot be read: {error!r}"[:300]) from error
        left = sorted(self._order)
        found = found.transpose([left.index(axis) for axis in self._order])
        return np.ascontiguousarray(found, dtype=self.dtype)
