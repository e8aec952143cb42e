"""Halves a volume along each axis by the mean of 2 x 2 x 2 voxels."""

import numpy as np

from portal_cli.pyramid.source import Voxels


def halve(voxels: Voxels) -> Voxels:
    """Returns the means, rounded half up; at an odd end, those of the voxels that are there.

    NaN is left out of a mean, and the result where all voxels are NaN.
    """
    odd = [(0, length % 2) for length in voxels.shape]
    if any(after for _, after in odd):
        voxels = np.pad(voxels, odd, mode="edge")
    if voxels.dtype.kind != "f":
        wide = np.dtype(np.int64 if voxels.dtype.itemsize > 2 else np.int32)  # noqa: PLR2004
        return ((_sum(voxels, wide) + 4) >> 3).astype(voxels.dtype)
    absent = np.isnan(voxels)
    if not absent.any():
        return (_sum(voxels, np.dtype(np.float64)) / 8).astype(voxels.dtype)
    total = _sum(np.where(absent, 0, voxels), np.dtype(np.float64))
    count = _sum(~absent, np.dtype(np.int32))
    with np.errstate(invalid="ignore"):
        return (total / count).astype(voxels.dtype)


def _sum(voxels: Voxels, wide: np.dtype[np.generic]) -> Voxels:
    flat = np.add(voxels[0::2], voxels[1::2], dtype=wide)
    flat = flat[:, 0::2] + flat[:, 1::2]
    return flat[:, :, 0::2] + flat[:, :, 1::2]
