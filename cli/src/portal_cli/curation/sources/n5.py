"""An array of an N5 container.

Source: https://github.com/saalfeldlab/n5, file-system specification: the axes of `dimensions`, of
a block and of its path are in the order x, y, z; voxels are big-endian.
"""

import bz2
import gzip
import lzma
import struct
import zlib
from collections.abc import Callable
from itertools import product
from math import ceil, prod
from pathlib import Path
from typing import Any, TypeAlias, cast

import imagecodecs
import numpy as np

from portal_cli.curation.headers.json_file import read_json
from portal_cli.curation.sources.axes import AxesOrder, check_dtype
from portal_cli.pyramid.source import Box, SourceFault, Triple, Voxels

Decode: TypeAlias = Callable[[bytes], bytes]
VARIABLE_LENGTH, OBJECT = 1, 2  # modes of a block


def _gzip(compression: dict[str, Any]) -> Decode:
    return zlib.decompress if compression.get("useZlib") else gzip.decompress


DECODERS: dict[str, Callable[[dict[str, Any]], Decode]] = {
    "raw": lambda _: lambda content: content,
    "gzip": _gzip,
    "bzip2": lambda _: bz2.decompress,
    "xz": lambda _: lzma.decompress,
    "blosc": lambda _: lambda content: bytes(imagecodecs.blosc_decode(content, numthreads=1)),
    "zstd": lambda _: lambda content: bytes(imagecodecs.zstd_decode(content)),
}


class N5Source:
    """Raises SourceFault for an unknown compression, and for damaged blocks, which it names."""

    def __init__(self, path: Path, location: str, axes: AxesOrder) -> None:
        self._path = path
        self._location = location
        self._axes = axes
        found = read_json(path / "attributes.json") or {}
        self.dtype: np.dtype[Any] = check_dtype(found.get("dataType"), location)
        given = found.get("blockSize")
        block = cast("list[int]", given) if isinstance(given, list) else []
        if len(block) != len(axes.lengths) or min(block) < 1:
            raise SourceFault(location, "has no valid blockSize in attributes.json")
        self._block = block
        self._decode = _decoder(found, location)
        self.block: Triple = axes.triple(block)
        self.block_bytes = prod(block) * self.dtype.itemsize * 3

    @property
    def shape(self) -> Triple:
        return self._axes.shape

    def close(self) -> None:
        """Nothing is open."""

    def read(self, box: Box) -> Voxels:
        """Returns the voxels of a box; absent blocks are 0."""
        wanted = self._axes.index(box)
        found = np.zeros([part.stop - part.start for part in wanted], self.dtype)
        ranges = [
            range(part.start // edge, ceil(part.stop / edge))
            for part, edge in zip(wanted, self._block, strict=True)
        ]
        for number in product(*ranges):
            block = self._read_block(number)
            if block is None:
                continue
            source, target = list[slice](), list[slice]()
            for n, edge, part, length in zip(number, self._block, wanted, block.shape, strict=True):
                start, stop = max(n * edge, part.start), min(n * edge + length, part.stop)
                source.append(slice(start - n * edge, stop - n * edge))
                target.append(slice(start - part.start, stop - part.start))
            found[tuple(target)] = block[tuple(source)]
        return self._axes.arrange(found)

    def _read_block(self, number: tuple[int, ...]) -> Voxels | None:
        """Returns a block with the axes of the file; None if it is absent."""
        name = "/".join(map(str, number))
        try:
            content = (self._path / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            reason = f"cannot be read: {error.strerror or error}"
            raise SourceFault(f"{self._location}/{name}", reason) from error
        try:
            return self._parse(content)
        except Exception as error:  # of any codec, for any broken block
            reason = f"is damaged: {str(error)[:200] or type(error).__name__}"
            raise SourceFault(f"{self._location}/{name}", reason) from error

    def _parse(self, content: bytes) -> Voxels:
        mode, dimensions = struct.unpack_from(">HH", content)
        if mode == OBJECT or dimensions != len(self._block):
            raise ValueError("its header is not that of a block of numbers")
        lengths = struct.unpack_from(f">{dimensions}I", content, 4)
        start = 4 + 4 * dimensions + (4 if mode == VARIABLE_LENGTH else 0)
        if any(n > edge for n, edge in zip(lengths, self._block, strict=True)):
            raise ValueError(f"it has {lengths} voxels, a block has {self._block}")
        voxels = np.frombuffer(self._decode(content[start:]), self.dtype.newbyteorder(">"))
        return voxels.reshape(lengths, order="F")


def _decoder(found: Any, location: str) -> Decode:
    given = found.get("compression", {"type": found.get("compressionType", "raw")})
    compression = cast("dict[str, Any]", given if isinstance(given, dict) else {})
    kind = str(compression.get("type"))
    if kind not in DECODERS:
        known = ", ".join(sorted(DECODERS))
        raise SourceFault(location, f"is compressed with {kind[:40]!r}; known are {known}")
    return DECODERS[kind](compression)
