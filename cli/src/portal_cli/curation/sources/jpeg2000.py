"""Slices of JPEG 2000 files: small ones are decoded as a whole, large ones by windows of rows."""

import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Protocol

import imagecodecs
import numpy as np

from portal_cli.curation.headers.jpeg2000 import read_tile
from portal_cli.curation.sources.axes import check_dtype
from portal_cli.pyramid.plan import MAX_BLOCK_BYTES, MIB
from portal_cli.pyramid.source import SourceFault, Triple, Voxels

MAX_WHOLE_BYTES = MAX_BLOCK_BYTES  # a slice that needs more is decoded by windows
DECODER_BYTES = 4  # of the decoder for each voxel, beside the voxel itself
WINDOW_ROWS = 1024  # GDAL decodes squares of so many voxels
OPENING = threading.Lock()  # filters of warnings belong to all threads


class OtherSlice(Exception):
    """A slice differs from the others in size or type."""


@dataclass(frozen=True)
class Plane:
    """What every slice of a stack has: lengths along y and x, and the type of its voxels."""

    lengths: tuple[int, int]
    dtype: np.dtype[Any]

    @property
    def bytes_per_voxel(self) -> int:
        """Returns the memory of a voxel while it is decoded."""
        return DECODER_BYTES + 2 * self.dtype.itemsize

    def check(self, lengths: tuple[int, ...], dtype: Any) -> None:
        """Raises OtherSlice."""
        if lengths != self.lengths or np.dtype(dtype) != self.dtype:
            actual = f"{' x '.join(map(str, lengths[::-1]))} voxels of {dtype}"
            usual = f"{self.lengths[1]} x {self.lengths[0]} of {self.dtype}"
            raise OtherSlice(f"has {actual}, but the stack has {usual}")


class Decoder(Protocol):
    """`rows_at_once`: how many rows are decoded together; `memory`: bytes that this takes."""

    @property
    def rows_at_once(self) -> int: ...

    @property
    def memory(self) -> int: ...

    def read(self, path: Path, start: int, stop: int) -> Voxels:
        """Returns rows of a slice. Raises OtherSlice, OSError, or an error of the decoder."""
        ...


class WholeSlice:
    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self.rows_at_once = plane.lengths[0]
        self.memory = prod(plane.lengths) * plane.bytes_per_voxel

    def read(self, path: Path, start: int, stop: int) -> Voxels:
        voxels = imagecodecs.jpeg2k_decode(path.read_bytes(), numthreads=1)
        self._plane.check(voxels.shape, voxels.dtype)
        return voxels[start:stop]


class Windows:
    """Decodes some rows by GDAL, which holds only the compressed tile and these rows.

    `tile` has the lengths of a tile along y and x; `file_bytes` is the size of the largest slice.
    """

    def __init__(self, plane: Plane, tile: tuple[int, int], file_bytes: int) -> None:
        self._plane = plane
        self.rows_at_once = WINDOW_ROWS
        voxels = WINDOW_ROWS * plane.lengths[1]
        self._cache_bytes = voxels * plane.dtype.itemsize
        compressed = int(file_bytes * min(1.0, prod(tile) / prod(plane.lengths)))
        self.memory = voxels * plane.bytes_per_voxel + self._cache_bytes + compressed

    def read(self, path: Path, start: int, stop: int) -> Voxels:
        import rasterio  # noqa: PLC0415  # slow to import

        untyped: Any = rasterio
        limits = {"GDAL_CACHEMAX": self._cache_bytes, "GDAL_NUM_THREADS": 1}
        one_file = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}
        with untyped.Env(**limits, **one_file), _opened(untyped, path) as image:
            shape = image.shape if image.count == 1 else (image.count, *image.shape)
            self._plane.check(shape, image.dtypes[0])
            window = ((start, stop), (0, self._plane.lengths[1]))
            found: Voxels = image.read(1, window=window)
            return found


def _opened(rasterio: Any, path: Path) -> Any:
    """Opens an image that has no place on the Earth, which GDAL would warn of."""
    with OPENING, warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        return rasterio.open(path, driver="JP2OpenJPEG", GEOREF_SOURCES="NONE")


class Jpeg2000Slices:
    """The slices of a volume with these lengths along y and x. Raises SourceFault."""

    def __init__(
        self, folder: Path, locations: Sequence[str], lengths: tuple[int, int], dtype: str
    ) -> None:
        self._folder = folder
        self._locations = list(locations)
        self._plane = Plane(lengths, check_dtype(dtype, self._locations[0]))
        self._decoder = self._choose()
        self.rows_at_once = self._decoder.rows_at_once
        self.decoded_bytes = self._decoder.memory
        if self.decoded_bytes > MAX_BLOCK_BYTES:
            reason = (
                f"needs {self.decoded_bytes // MIB} MiB to be decoded, the limit is"
                f" {MAX_BLOCK_BYTES // MIB} MiB: write the stack with tiles, or as OME-Zarr"
            )
            raise SourceFault(self._locations[0], reason)

    def _choose(self) -> Decoder:
        whole = WholeSlice(self._plane)
        if whole.memory <= MAX_WHOLE_BYTES:
            return whole
        paths = [self._folder / location for location in self._locations]
        try:
            largest = max(path.stat().st_size for path in paths)
            tile = read_tile(paths[0])
        except OSError as error:
            reason = f"cannot be read: {error.strerror or error}"
            raise SourceFault(self._locations[0], reason) from error
        return Windows(self._plane, tile, largest)

    @property
    def shape(self) -> Triple:
        return (len(self._locations), *self._plane.lengths)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._plane.dtype

    def close(self) -> None:
        """Nothing is open."""

    def rows(self, number: int, start: int, stop: int) -> Voxels:
        location = self._locations[number]
        try:
            return self._decoder.read(self._folder / location, start, stop)
        except OtherSlice as error:
            raise SourceFault(location, str(error)) from error
        except OSError as error:
            raise SourceFault(location, f"cannot be read: {error.strerror or error}") from error
        except Exception as error:  # the libraries raise errors of their own, or ValueError
            raise SourceFault(location, f"is damaged: {str(error)[:200]}") from error
