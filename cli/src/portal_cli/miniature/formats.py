"""Writes a miniature as OME-Zarr 0.5 and as a TIFF of slices. The bytes are reproducible."""

from pathlib import Path
from typing import Any

import tifffile
import zarr
from zarr.codecs import BloscCodec

from portal_cli.miniature.grid import LEVELS, Grid
from portal_cli.miniature.renderer import Volume, downsample

SLICES = 4
CHUNK = 32
WINDOW = {"min": 0, "max": 65535, "start": 0, "end": 52000}  # of the display; black stays black
NOTE = "generated miniature, not measured voxels"


def write_zarr(folder: Path, name: str, voxels: Volume, grid: Grid) -> None:
    """Writes a group of three levels (factor 2, mean), each in one shard: few files and folders."""
    group = zarr.create_group(store=folder, zarr_format=3, attributes={"ome": _ome(name, grid)})
    level = voxels
    for number in range(LEVELS):
        z, y, x = level.shape
        sharded = max(level.shape) > CHUNK
        array = group.create_array(
            str(number),
            shape=level.shape,
            dtype="uint16",
            chunks=(z // 2, y // 2, x // 2) if sharded else level.shape,
            shards=level.shape if sharded else None,
            compressors=BloscCodec(typesize=2, cname="zstd", clevel=4, shuffle="shuffle"),
            fill_value=0,
            chunk_key_encoding={"name": "default", "separator": "."},
            dimension_names=("z", "y", "x"),
        )
        array[:] = level
        level = downsample(level) if number + 1 < LEVELS else level


def _ome(name: str, grid: Grid) -> dict[str, Any]:
    levels = [
        {
            "path": str(n),
            "coordinateTransformations": [
                {"type": "scale", "scale": list(grid.scale(n))},
                {"type": "translation", "translation": list(grid.translation(n))},
            ],
        }
        for n in range(LEVELS)
    ]
    return {
        "version": "0.5",
        "multiscales": [
            {
                "name": name,
                "axes": [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"],
                "datasets": levels,
                "type": "mean",
                "metadata": {"description": NOTE},
            }
        ],
        "omero": {
            "channels": [
                {
                    "label": NOTE,
                    "active": True,
                    "color": "FFFFFF",
                    "window": WINDOW,
                }
            ],
            "rdefs": {"model": "greyscale"},
        },
    }


def write_slices(file: Path, voxels: Volume, grid: Grid) -> None:
    """Writes a few planes of level 1, evenly spaced along z, as a TIFF with voxel size."""
    planes = downsample(voxels)
    step = planes.shape[0] // SLICES
    z, y, x = grid.scale(1)
    tifffile.imwrite(
        file,
        planes[step // 2 :: step][:SLICES],
        imagej=True,
        compression="zlib",
        resolution=(1 / x, 1 / y),
        metadata={"axes": "ZYX", "spacing": z * step, "unit": "um", "Info": NOTE},
    )
