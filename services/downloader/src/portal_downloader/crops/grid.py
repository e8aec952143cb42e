"""Positions of voxels in micrometres, and boxes that are given by them. Axes are z, y, x."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from portal_shared import units

from portal_downloader.crops.box import AXES, Box, Frame, InvalidBox, Shape, Triple

MICROMETRE = "um"
TOLERANCE = 1e-6  # of a voxel: a rounded position of a border does not add a plane of voxels
_NUMBER = r"[+-]?\d{1,15}(?:\.\d{0,15})?(?:[eE][+-]?\d{1,2})?"
_RANGE = re.compile(rf"({_NUMBER})?:({_NUMBER})?", re.ASCII)


@dataclass(frozen=True)
class Grid:
    """Positions along each axis: the centre of voxel n is at `offset + n * voxel`, in um."""

    voxel: Triple
    offset: Triple


def grid_of(frame: Frame) -> Grid | None:
    """Returns the positions in um; None without a scale or a unit of length."""
    factors = [units.convert(1.0, unit, MICROMETRE) for unit in frame.units]
    if any(factor is None for factor in factors):
        return None
    sizes = cast("list[float]", factors)
    voxel = [abs(s) * f for s, f in zip(frame.scale, sizes, strict=True)]
    offset = [o * f for o, f in zip(frame.offset, sizes, strict=True)]
    if not all(v > 0 for v in voxel):
        return None
    return Grid((voxel[0], voxel[1], voxel[2]), (offset[0], offset[1], offset[2]))


def parse_box_um(query: Mapping[str, str], shape: Shape, grid: Grid | None) -> Box:
    """Parses `x=a:b`, `y=…`, `z=…` in um; a missing end is that of the volume.

    The box has every voxel of which a part lies between the two positions; a voxel reaches half
    its size to both sides of its centre. Raises InvalidBox.
    """
    if grid is None:
        raise InvalidBox(
            "the volume has no physical scale: give ranges of voxels (unit=voxel)", field="unit"
        )
    bounds = [
        _parse_range(query.get(axis), axis, size, grid.voxel[n], grid.offset[n])
        for n, (axis, size) in enumerate(zip(AXES, shape, strict=True))
    ]
    (z0, z1), (y0, y1), (x0, x1) = bounds
    return Box((z0, y0, x0), (z1, y1, x1))


def _parse_range(
    text: str | None, axis: str, size: int, voxel: float, offset: float
) -> tuple[int, int]:
    if text is None:
        return 0, size
    match = _RANGE.fullmatch(text)
    if match is None:
        reason = f"{text[:40]!r} is not a range of micrometres such as 10.5:90"
        raise InvalidBox(reason, field=axis)
    start = offset - voxel / 2  # where the volume begins
    low = 0.0 if match[1] is None else (float(match[1]) - start) / voxel
    high = float(size) if match[2] is None else (float(match[2]) - start) / voxel
    if low < -TOLERANCE or high > size + TOLERANCE:
        end = start + size * voxel
        reason = f"the level extends from {start:.12g} to {end:.12g} um along {axis}"
        raise InvalidBox(reason, field=axis)
    if not low < high:
        raise InvalidBox(f"the range {text} is empty", field=axis)
    first = min(max(math.floor(low + TOLERANCE), 0), size - 1)
    return first, min(max(math.ceil(high - TOLERANCE), first + 1), size)
