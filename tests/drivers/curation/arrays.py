"""Volumes for the tests of pyramids, and pyramids of them."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from portal_cli.pyramid.pyramid import NoProgress, Order, make_pyramid
from portal_cli.pyramid.source import ArraySource


def ramp(shape: tuple[int, ...], dtype: str = "uint16") -> Any:
    """Returns voxels of which each differs from its neighbours; none is 0."""
    values = np.arange(1, np.prod(shape) + 1, dtype=np.int64).reshape(shape)
    if dtype.startswith("float"):
        return (values / 7).astype(dtype)
    return (1 + (values * 31) % (np.iinfo(dtype).max - 1)).astype(dtype)


def pyramid_of(folder: Path, voxels: Any, *, voxel_um: float = 2.0, **more: Any) -> zarr.Group:
    """Returns the pyramid of these voxels, opened by zarr."""
    target = folder / "volume.ome.zarr"
    order = Order(target, "volume", (voxel_um,) * 3, threads=2)
    make_pyramid(order, ArraySource(voxels, **more), NoProgress())
    return zarr.open_group(target, mode="r")


def digest(folder: Path) -> str:
    """Returns one digest of the names and contents of all files below a folder."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return found.hexdigest()
