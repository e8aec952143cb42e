"""Where a zoom lies in its overview, from the registration. Pure.

Index 0 is the centre of the first voxel, so a volume of n voxels reaches from -0.5 to n - 0.5.
"""

import itertools
import math
from dataclasses import dataclass

from portal_cli.hoa.record import Record, Registration

Point = tuple[float, float, float]
NOTABLE = 0.01  # of the scale; larger deviations are told, never corrected


@dataclass(frozen=True)
class Box:
    """The zoom's bounding box, in voxels of the overview."""

    start: Point
    end: Point
    inside: float  # which part of it lies within the overview


def in_target(registration: Registration, point: Point) -> Point:
    """A voxel of the zoom (x, y, z) in voxels of the overview."""
    angle = math.radians(registration.rotation)
    x, y, z = point
    shift = registration.translation
    return (
        registration.scale * (math.cos(angle) * x + math.sin(angle) * y) + shift[0],
        registration.scale * (-math.sin(angle) * x + math.cos(angle) * y) + shift[1],
        registration.scale * z + shift[2],
    )


def box(zoom: Record, registration: Registration, overview: Record) -> Box:
    edges = [(-0.5, n - 0.5) for n in zoom.data.shape]
    corners = [in_target(registration, (x, y, z)) for x, y, z in itertools.product(*edges)]
    start, end, inside = [0.0] * 3, [0.0] * 3, 1.0
    for axis, n in enumerate(overview.data.shape):
        low, high = min(c[axis] for c in corners), max(c[axis] for c in corners)
        start[axis], end[axis] = low, high
        inside *= max(0.0, min(high, n - 0.5) - max(low, -0.5)) / (high - low)
    return Box((start[0], start[1], start[2]), (end[0], end[1], end[2]), inside)


def relative_scale(zoom: Record, registration: Registration, overview: Record) -> float:
    """In micrometres; 1 where the voxel sizes of both are right."""
    return registration.scale * overview.data.voxel_size_um / zoom.data.voxel_size_um
