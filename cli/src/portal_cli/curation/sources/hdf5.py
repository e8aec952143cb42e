"""A dataset of an HDF5 or NeXus file."""

from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from portal_cli.curation.sources.axes import AxesOrder, check_dtype
from portal_cli.pyramid.source import Box, SourceFault, Triple, Voxels


class Hdf5Source:
    """`part` is the name of the dataset. Raises SourceFault if it is damaged."""

    def __init__(self, path: Path, location: str, part: str, axes: AxesOrder) -> None:
        self._location = location
        self._part = part
        self._axes = axes
        self._file = h5py.File(path, "r", locking=False)
        self._item: Any = self._file[part]
        self.dtype: np.dtype[Any] = check_dtype(self._item.dtype, location)
        *others, last = self._item.shape
        chunks = self._item.chunks or (*(1 for _ in others), last)
        self.block: Triple = axes.triple(chunks)
        self.block_bytes = prod(chunks) * self.dtype.itemsize * 2

    @property
    def shape(self) -> Triple:
        return self._axes.shape

    def close(self) -> None:
        self._file.close()

    def read(self, box: Box) -> Voxels:
        try:
            found = self._item[self._axes.index(box)]
        except Exception as error:  # of HDF5, for any damage and missing filter
            reason = f"its dataset {self._part!r} cannot be read: {str(error)[:200]}"
            raise SourceFault(self._location, reason) from error
        return self._axes.arrange(found)
