"""Slices of JPEG 2000 files. A slice is decoded as a whole, so its size is limited."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

from portal_cli.curation.sources.axes import check_dtype
from portal_cli.pyramid.plan import MAX_BLOCK_BYTES, MIB
from portal_cli.pyramid.source import SourceFault, Triple, Voxels

DECODER_BYTES = 4  # of the decoder for each voxel, beside the voxel itself


class Jpeg2000Slices:
    """The slices of a volume with these lengths along y and x. Raises SourceFault."""

    def __init__(
        self, folder: Path, locations: Sequence[str], lengths: tuple[int, int], dtype: str
    ) -> None:
        self._folder = folder
        self._locations = list(locations)
        self._lengths = lengths
        self.dtype: np.dtype[Any] = check_dtype(dtype, self._locations[0])
        self.rows_at_once = lengths[0]
        self.decoded_bytes = lengths[0] * lengths[1] * (DECODER_BYTES + 2 * self.dtype.itemsize)
        if self.decoded_bytes > MAX_BLOCK_BYTES:
            reason = (
                f"needs {self.decoded_bytes // MIB} MiB to be decoded, the limit is"
                f" {MAX_BLOCK_BYTES // MIB} MiB: write the stack as TIFF or OME-Zarr first"
            )
            raise SourceFault(self._locations[0], reason)

    @property
    def shape(self) -> Triple:
        return (len(self._locations), *self._lengths)

    def close(self) -> None:
        """Nothing is open."""

    def rows(self, number: int, start: int, stop: int) -> Voxels:
        location = self._locations[number]
        try:
            content = (self._folder / location).read_bytes()
            voxels = imagecodecs.jpeg2k_decode(content, numthreads=1)
        except OSError as error:
            raise SourceFault(location, f"cannot be read: {error.strerror or error}") from error
        except Exception as error:  # imagecodecs raises its own error, or ValueError
            raise SourceFault(location, f"is damaged: {str(error)[:200]}") from error
        if voxels.shape != self._lengths or voxels.dtype != self.dtype:
            actual = f"{' x '.join(map(str, voxels.shape[::-1]))} voxels of {voxels.dtype}"
            usual = f"{self._lengths[1]} x {self._lengths[0]} of {self.dtype}"
            raise SourceFault(location, f"has {actual}, but the stack has {usual}")
        return voxels[start:stop]
