"""An array of a zarr, of format 2 or 3: every order of axes and bytes, every codec of zarr."""

from itertools import product
from math import ceil, prod
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from portal_cli.curation.sources.axes import AxesOrder, check_dtype
from portal_cli.pyramid.source import Box, SourceFault, Triple, Voxels


class ZarrSource:
    """Raises SourceFault if the array cannot be read; damaged chunks are named."""

    def __init__(self, path: Path, location: str, axes: AxesOrder) -> None:
        self._location = location
        self._axes = axes
        try:
            self._array: Any = zarr.open_array(path, mode="r")
        except Exception as error:  # of zarr, for wrong metadata and unknown codecs
            raise SourceFault(location, f"cannot be opened: {str(error)[:200]}") from error
        self.dtype: np.dtype[Any] = check_dtype(self._array.dtype, location)
        if self._array.shape != axes.lengths:
            raise SourceFault(location, f"has another shape than its metadata: {axes.lengths}")
        chunks: tuple[int, ...] = self._array.chunks
        self.block: Triple = axes.triple(chunks)
        self.block_bytes = prod(chunks) * self.dtype.itemsize * 2

    @property
    def shape(self) -> Triple:
        return self._axes.shape

    def close(self) -> None:
        """Nothing is open."""

    def read(self, box: Box) -> Voxels:
        try:
            return self._read(box)
        except Exception as error:  # of any codec, for any broken chunk
            chunk = self._damaged_chunk(box)
            raise SourceFault(
                f"{self._location}", f"its chunk {chunk} is damaged: {str(error)[:200]}"
            ) from error

    def _read(self, box: Box) -> Voxels:
        return self._axes.arrange(np.asarray(self._array[self._axes.index(box)]))

    def _damaged_chunk(self, box: Box) -> str:
        """Returns the number of the first chunk that cannot be read, in the order of the file."""
        ranges = [
            range(part.start // edge, ceil(part.stop / edge))
            for part, edge in zip(box, self.block, strict=True)
        ]
        for numbers in product(*ranges):
            z, y, x = (
                slice(n * edge, min((n + 1) * edge, length))
                for n, edge, length in zip(numbers, self.block, self.shape, strict=True)
            )
            try:
                self._read((z, y, x))
            except Exception:  # noqa: BLE001
                given = dict(zip(self._axes.positions, numbers, strict=True))
                return "/".join(str(given.get(n, 0)) for n in range(len(self._axes.lengths)))
        return "?"
