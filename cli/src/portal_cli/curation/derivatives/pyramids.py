"""Finds complete pyramids: OME-Zarr 0.5 with levels down to 64 voxels, each at its place."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from portal_shared import ngff

from portal_cli.curation.headers.image import USUAL_ORDER, Axis, Image
from portal_cli.curation.headers.json_file import read_json
from portal_cli.curation.sources.axes import find_axes
from portal_cli.curation.sources.zarr import ZarrSource
from portal_cli.pyramid.grid import MAX_COARSEST, Lengths
from portal_cli.pyramid.source import Source, SourceFault

VERSION = "0.5"
PERCENTILES = (0.5, 99.5)
TOLERANCE = 1e-3  # of a voxel


@dataclass(frozen=True)
class PyramidLevel:
    source: Source
    voxel_um: Lengths  # z, y, x


@dataclass(frozen=True)
class Pyramid:
    """`window`: the values that are shown as black and as white."""

    levels: tuple[PyramidLevel, ...]
    window: tuple[float, float]


def is_pyramid(group: Path) -> bool:
    """Whether a folder is a complete pyramid; only its metadata are read."""
    try:
        found = _attributes(group)
        images = ngff.multiscales(found)
        if found.get("version") != VERSION or len(images) != 1:
            return False
        shapes = [_shape(group / level.path) for level in images[0].levels]
        return max(shapes[-1]) <= MAX_COARSEST and _is_regular(images[0].levels, shapes)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _is_regular(levels: Sequence[ngff.Level], shapes: Sequence[Sequence[int]]) -> bool:
    """Whether each level has half the resolution of the one before, and its translation."""
    first = levels[0].scale
    if first is None:
        return False
    start = levels[0].translation or (0.0,) * len(first)
    for number, (level, shape) in enumerate(zip(levels, shapes, strict=True)):
        factor = 2**number
        if level.scale is None or level.unsupported or len(shape) != len(shapes[0]):
            return False
        place = level.translation or (0.0,) * len(first)
        for axis, size in enumerate(first):
            expected = start[axis] + size * (factor - 1) / 2
            if not math.isclose(level.scale[axis], size * factor, rel_tol=TOLERANCE):
                return False
            if abs(place[axis] - expected) > TOLERANCE * size * factor:
                return False
            if shape[axis] not in (shapes[0][axis] // factor, -(-shapes[0][axis] // factor)):
                return False
    return True


def open_pyramid(group: Path, location: str, voxel_um: Lengths) -> Pyramid:
    """Returns the levels to read; `voxel_um` is that of the finest. Raises SourceFault."""
    try:
        found = _attributes(group)
        image = ngff.multiscales(found)[0]
    except (OSError, ValueError, LookupError) as error:
        raise SourceFault(location, f"has no valid metadata: {error}") from error
    levels: list[PyramidLevel] = []
    for number, level in enumerate(image.levels):
        shape = _shape(group / level.path)
        axes = tuple(
            Axis(axis.name if axis.name in USUAL_ORDER else "", length)
            for axis, length in zip(image.axes_of(len(shape)), shape, strict=True)
        )
        place = f"{location}/{level.path}"
        order = find_axes(Image("OME-Zarr", "", axes), place)
        z, y, x = (size * 2**number for size in voxel_um)
        levels.append(PyramidLevel(ZarrSource(group / level.path, place, order), (z, y, x)))
    return Pyramid(tuple(levels), _window(found) or _percentiles(levels[-1].source))


def _window(found: Mapping[str, Any]) -> tuple[float, float] | None:
    """Returns the window of the first channel in `omero`."""
    try:
        window: Any = found["omero"]["channels"][0]["window"]
        start, end = float(window["start"]), float(window["end"])
    except (LookupError, TypeError, ValueError):
        return None
    return (start, end) if math.isfinite(start) and math.isfinite(end) and start < end else None


def _percentiles(source: Source) -> tuple[float, float]:
    z, y, x = source.shape
    values = source.read((slice(0, z), slice(0, y), slice(0, x)))
    values = values[(values != 0) & np.isfinite(values)]
    start, end = (float(n) for n in np.percentile(values, PERCENTILES)) if values.size else (0, 1)
    return start, max(end, math.nextafter(start, math.inf))


def _attributes(group: Path) -> Mapping[str, Any]:
    return ngff.attributes(read_json(group / "zarr.json") or {})


def _shape(array: Path) -> list[int]:
    node = read_json(array / "zarr.json") or {}
    return [int(length) for length in cast("list[Any]", node["shape"])]
