"""Writes OME-Zarr volumes of several levels for tests, as other programs write them."""

import zlib
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import zarr

Voxels: TypeAlias = np.ndarray[Any, Any]
VOXEL_UM = (2.0, 4.0, 8.0)  # z, y, x
OMERO = {"channels": [{"window": {"min": 0, "max": 65535, "start": 1000, "end": 51000}}]}


def gradient(shape: tuple[int, int, int], dtype: str = "uint16", *, name: str = "") -> Voxels:
    """Voxels of which each shows where it is: all planes of all axes differ, and all names."""
    z, y, x = (np.arange(n, dtype="int64") for n in shape)
    found = (
        zlib.crc32(name.encode())
        + z[:, None, None] * 700
        + y[None, :, None] * 90
        + x[None, None, :] * 11
    )
    return (found % 60000 if np.dtype(dtype).itemsize > 1 else found % 251).astype(dtype)


def reduced(voxels: Voxels) -> Voxels:
    """The mean of every 2 x 2 x 2 voxels."""
    z, y, x = (n // 2 * 2 for n in voxels.shape)
    blocks = voxels[:z, :y, :x].reshape(z // 2, 2, y // 2, 2, x // 2, 2)
    found: Voxels = blocks.mean(axis=(1, 3, 5), dtype="float64").astype(voxels.dtype)
    return found


def multiscales(
    levels: int, *, axes: str = "zyx", unit: str | None = "micrometer", scaled: bool = True,
    voxel_um: tuple[float, float, float] = VOXEL_UM,
) -> dict[str, Any]:  # fmt: skip
    """OME-NGFF metadata of a volume whose levels are averaged by two."""
    size = dict(zip("zyx", voxel_um, strict=True))
    given = [
        {"name": a, "type": "space", **({"unit": unit} if unit else {})}
        if a in size
        else {"name": a, "type": "channel" if a == "c" else "time"}
        for a in axes
    ]
    datasets: list[dict[str, Any]] = []
    for n in range(levels):
        scale = [size[a] * 2**n if a in size else 1.0 for a in axes]
        shift = [size[a] * (2**n - 1) / 2 if a in size else 0.0 for a in axes]
        steps = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": shift}]
        datasets.append(
            {"path": str(n), **({"coordinateTransformations": steps} if scaled else {})}
        )
    return {"multiscales": [{"axes": given, "datasets": datasets}]}


def write_volume(
    folder: Path, voxels: Voxels, *, levels: int = 2, zarr_format: int = 3, axes: str = "zyx",
    unit: str | None = "micrometer", scaled: bool = True, omero: Any = None, name: str = "",
    voxel_um: tuple[float, float, float] = VOXEL_UM, **array: Any,
) -> list[Voxels]:  # fmt: skip
    """Writes a volume; returns the voxels of its levels, in the order z, y, x.

    With a name, its metadata differ from those of other volumes.
    """
    ome: dict[str, Any] = multiscales(
        levels, axes=axes, unit=unit, scaled=scaled, voxel_um=voxel_um
    )
    if omero is not None:
        ome["omero"] = omero
    ome["multiscales"][0]["name"] = name
    attributes: dict[str, Any] = ome
    if zarr_format == 3:
        attributes = {"ome": {"version": "0.5", **ome}}
    else:
        ome["multiscales"][0]["version"] = "0.4"
    made: Any = zarr
    group = made.create_group(folder, zarr_format=zarr_format, attributes=attributes)
    array.setdefault("chunks", (16, 16, 16))
    found = [voxels]
    for _ in range(levels - 1):
        found.append(reduced(found[-1]))
    spatial = [a for a in axes if a in "zyx"]
    for n, level in enumerate(found):
        stored = level.transpose(["zyx".index(a) for a in spatial])
        stored = stored.reshape(
            [1 if a not in "zyx" else stored.shape[spatial.index(a)] for a in axes]
        )
        chunks = [1 if a not in "zyx" else array["chunks"]["zyx".index(a)] for a in axes]
        target = group.create_array(
            str(n),
            shape=stored.shape,
            dtype=voxels.dtype,
            attributes={"of": name},
            **{**array, "chunks": tuple(chunks)},
        )
        target[...] = stored
    return found
