"""Position of a zoom in its overview: whether it is registered, and its bounding box there.

Index 0 is the centre of the first voxel, so a volume of n voxels reaches from -0.5 to n - 0.5.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Any

from portal_cli.hoa.atlas import Atlas
from portal_cli.hoa.record import Record, Registration

REGISTERED = "registered"
PENDING = "target not public"
UNREGISTERED = "not registered"
OVERVIEW = "overview"
SCALE_TOLERANCE = 0.01  # larger deviations are reported in a warning, never corrected

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Box:
    """Bounding box of the zoom, in voxels of the overview."""

    start: Point
    end: Point
    inside: float  # fraction of its volume that lies in the overview


def registration_state(record: Record, atlas: Atlas) -> str:
    if record.dataset_type == "overview":
        return OVERVIEW
    if record.registration is None:
        return UNREGISTERED
    return REGISTERED if atlas.overview_of(record) else PENDING


def registration_details(record: Record, atlas: Atlas) -> dict[str, Any] | None:
    """Returns fields to add to the registration in the details; None for an overview.

    For a zoom without a registration these are the overviews of its specimen.
    """
    state = registration_state(record, atlas)
    if state == OVERVIEW:
        return None
    if record.registration is None:
        return {
            "state": state,
            "target_public": False,
            "note": "same specimen, position unknown",
            "same_specimen": atlas.neighbours(record),
        }
    overview = atlas.overview_of(record)
    if overview is None:
        return {"state": state, "target_public": False}
    box = bounding_box(record, record.registration, overview)
    return {
        "state": state,
        "target_public": True,
        "box_start": list(box.start),
        "box_end": list(box.end),
        "inside": round(box.inside, 6),
        "relative_scale": round(relative_scale(record, record.registration, overview), 6),
    }


def registration_warnings(record: Record, atlas: Atlas) -> list[str]:
    overview = atlas.overview_of(record)
    if record.registration is None:
        return []
    if overview is None:
        target = record.registration.target_dataset
        return [f"registered to {target}, which is not public"]
    found: list[str] = []
    scale = relative_scale(record, record.registration, overview)
    if abs(scale - 1) > SCALE_TOLERANCE:
        found.append(f"the registration scales by {scale:.3f} where 1 is expected")
    inside = bounding_box(record, record.registration, overview).inside
    if round(inside, 6) < 1:
        found.append(f"{inside:.0%} of the registered box lies within the overview")
    return found


def to_overview(registration: Registration, point: Point) -> Point:
    """Transforms a point from voxels of the zoom (x, y, z) to voxels of the overview."""
    angle = math.radians(registration.rotation)
    x, y, z = point
    shift = registration.translation
    return (
        registration.scale * (math.cos(angle) * x + math.sin(angle) * y) + shift[0],
        registration.scale * (-math.sin(angle) * x + math.cos(angle) * y) + shift[1],
        registration.scale * z + shift[2],
    )


def bounding_box(zoom: Record, registration: Registration, overview: Record) -> Box:
    edges = [(-0.5, n - 0.5) for n in zoom.data.shape]
    corners = [to_overview(registration, (x, y, z)) for x, y, z in itertools.product(*edges)]
    start, end, inside = [0.0] * 3, [0.0] * 3, 1.0
    for axis, n in enumerate(overview.data.shape):
        low, high = min(c[axis] for c in corners), max(c[axis] for c in corners)
        start[axis], end[axis] = low, high
        inside *= max(0.0, min(high, n - 0.5) - max(low, -0.5)) / (high - low)
    return Box((start[0], start[1], start[2]), (end[0], end[1], end[2]), inside)


def relative_scale(zoom: Record, registration: Registration, overview: Record) -> float:
    """Returns the scale in micrometres; it is 1 if the voxel sizes of both are right."""
    return registration.scale * overview.data.voxel_size_um / zoom.data.voxel_size_um
