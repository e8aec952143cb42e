"""Shards of zarr v3 (`sharding_indexed`): 64 chunks of 64 x 64 x 64 voxels in one file.

A shard is written under another name and renamed, so a file with its name is whole. Its chunks are
in the order z, y, x: the same voxels give the same bytes. Chunks of zeros are left out.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, cast

import google_crc32c
import imagecodecs
import numpy as np

from portal_cli.pyramid.grid import CHUNK, SHARD, lengths_of
from portal_cli.pyramid.source import Box, SourceFault, Triple, Voxels

PER_AXIS = SHARD // CHUNK
ABSENT = 2**64 - 1  # offset and length of a chunk that is left out
INDEX_BYTES = 16 * PER_AXIS**3
CRC_BYTES = 4
# four times as fast as zstd at level 1, for files of noisy voxels that are a twentieth larger
COMPRESSOR, LEVEL, SHUFFLE = "lz4", 5, "bitshuffle"
PART = ".part"


def array_metadata(shape: Triple, dtype: np.dtype[Any]) -> dict[str, Any]:
    """Returns the content of zarr.json of an array that is written here."""
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    plain = little if dtype.itemsize > 1 else {"name": "bytes"}
    packing = {"typesize": dtype.itemsize, "cname": COMPRESSOR, "clevel": LEVEL}
    packing |= {"shuffle": SHUFFLE, "blocksize": 0}
    blosc = {"name": "blosc", "configuration": packing}
    index: list[dict[str, Any]] = [little, {"name": "crc32c"}]
    sharding: dict[str, Any] = {
        "chunk_shape": [CHUNK] * 3,
        "codecs": [plain, blosc],
        "index_codecs": index,
        "index_location": "end",
    }
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [SHARD] * 3}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0.0 if dtype.kind == "f" else 0,
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        "dimension_names": ["z", "y", "x"],
        "attributes": {},
    }


def _checksum(index: bytes) -> bytes:
    value = cast("int", cast("Any", google_crc32c).value(index))
    return value.to_bytes(CRC_BYTES, "little")


def shard_path(array: Path, number: Triple) -> Path:
    return array.joinpath("c", *map(str, number))


class ShardWriter:
    """Writes one shard from its chunks, which are given in the order z, y, x."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self._path = path
        self._dtype = dtype
        self._index = np.full((PER_AXIS**3, 2), ABSENT, "<u8")
        self._position = 0
        self._chunk = np.zeros((CHUNK,) * 3, dtype)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.with_name(path.name + PART).open("wb")

    def add(self, number: Triple, voxels: Voxels) -> None:
        """Adds a chunk by its number in the shard; at the edges of a volume it may be smaller."""
        chunk = self._chunk
        if voxels.shape != chunk.shape:
            chunk.fill(0)
        chunk[tuple(slice(0, n) for n in voxels.shape)] = voxels
        if not chunk.any():
            return
        packed = imagecodecs.blosc_encode(
            cast("Any", chunk),
            level=LEVEL,
            compressor=COMPRESSOR,
            shuffle=SHUFFLE,
            typesize=self._dtype.itemsize,
            numthreads=1,
        )
        z, y, x = number
        self._index[(z * PER_AXIS + y) * PER_AXIS + x] = self._position, len(packed)
        self._file.write(packed)
        self._position += len(packed)

    def close(self) -> None:
        """Writes the index and gives the file its name."""
        index = self._index.tobytes()
        self._file.write(index + _checksum(index))
        self._file.close()
        Path(self._file.name).replace(self._path)

    def discard(self) -> None:
        self._file.close()
        Path(self._file.name).unlink(missing_ok=True)


def write_shard(path: Path, layers: Iterable[Voxels]) -> None:
    """Writes a shard from its layers of 64 voxels along z, each at most 256 voxels wide."""
    writer: ShardWriter | None = None
    try:
        for z, layer in enumerate(layers):
            writer = writer or ShardWriter(path, layer.dtype)
            for _, y, x in chunk_numbers(layer.shape):
                rows, columns = (slice(n * CHUNK, (n + 1) * CHUNK) for n in (y, x))
                writer.add((z, y, x), layer[:, rows, columns])
        if writer:
            writer.close()
    except BaseException:
        if writer:
            writer.discard()
        raise


def chunk_numbers(shape: tuple[int, ...]) -> list[Triple]:
    """Returns the numbers of the chunks in a shard that has voxels of this shape."""
    z, y, x = (range(-(-length // CHUNK)) for length in shape)
    return list(product(z, y, x))


@dataclass(frozen=True)
class Shard:
    """Reads the chunks of one file. Raises SourceFault if it is damaged."""

    path: Path
    location: str  # for errors
    dtype: np.dtype[Any]

    @cached_property
    def _index(self) -> Voxels:
        with self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - INDEX_BYTES - CRC_BYTES))
            tail = file.read()
        index, checksum = tail[:INDEX_BYTES], tail[INDEX_BYTES:]
        if checksum != _checksum(index):
            raise SourceFault(self.location, "is damaged: the checksum of its index is wrong")
        return np.frombuffer(index, "<u8").reshape(-1, 2)

    def chunk(self, number: Triple) -> Voxels | None:
        """Returns a whole chunk by its number in the shard; None if all its voxels are 0."""
        z, y, x = number
        offset, length = (int(n) for n in self._index[(z * PER_AXIS + y) * PER_AXIS + x])
        if offset == ABSENT:
            return None
        with self.path.open("rb", buffering=0) as file:
            packed = os.pread(file.fileno(), length, offset)
        try:
            found = imagecodecs.blosc_decode(packed, numthreads=1)
            return np.frombuffer(found, self.dtype.newbyteorder("<")).reshape((CHUNK,) * 3)
        except (imagecodecs.BloscError, ValueError) as error:
            where = ", ".join(map(str, number))
            raise SourceFault(self.location, f"its chunk {where} is damaged") from error

    def is_whole(self, *, deep: bool) -> bool:
        """Whether the index fits; `deep`: whether also each chunk can be decoded."""
        try:
            _ = self._index
            if deep:
                for number in chunk_numbers((SHARD,) * 3):
                    self.chunk(number)
        except (OSError, SourceFault):
            return False
        return True


@dataclass(frozen=True)
class LevelReader:
    """Reads boxes of an array that was written here. Its edges are in voxels of the array."""

    array: Path
    shape: Triple
    dtype: np.dtype[Any]

    def read(self, box: Box) -> Voxels:
        """Returns the voxels of a box; its starts are multiples of 64."""
        found = np.zeros(lengths_of(box), self.dtype)
        shards: dict[Triple, Shard] = {}
        ranges = (range(part.start // CHUNK, -(-part.stop // CHUNK)) for part in box)
        for number in product(*ranges):
            z, y, x = (n // PER_AXIS for n in number)
            shard = shards.setdefault((z, y, x), self.shard((z, y, x)))
            z, y, x = (n % PER_AXIS for n in number)
            chunk = shard.chunk((z, y, x))
            if chunk is not None:
                starts = [n * CHUNK - part.start for n, part in zip(number, box, strict=True)]
                target = found[tuple(slice(start, start + CHUNK) for start in starts)]
                target[:] = chunk[tuple(slice(0, n) for n in target.shape)]
        return found

    def shard(self, number: Triple) -> Shard:
        path = shard_path(self.array, number)
        return Shard(path, f"{self.array.name}/c/{'/'.join(map(str, number))}", self.dtype)
