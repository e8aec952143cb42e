"""Position of a zoom in its overview: whether it is registered, and its bounding box there."""

from dataclasses import dataclass
from typing import Any

from portal_shared.registration import (
    Point,
    Registration,
    Volume,
    corners_in_target,
)

from portal_cli.hoa.atlas import Atlas
from portal_cli.hoa.record import Record

REGISTERED = "registered"
PENDING = "target not public"
UNREGISTERED = "not registered"
OVERVIEW = "overview"
SCALE_TOLERANCE = 0.01  # larger deviations are reported in a warning, never corrected


@dataclass(frozen=True)
class Box:
    """Bounding box of the zoom, in voxels of the overview: x, y, z."""

    start: Point
    end: Point
    inside: float  # fraction of this box that lies in the overview


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
    box = bounding_box(record, overview)
    return {
        "state": state,
        "target_public": True,
        "box_start": list(box.start),
        "box_end": list(box.end),
        "inside": round(box.inside, 6),
        "relative_scale": round(relative_scale(record, overview), 6),
    }


def registration_warnings(record: Record, atlas: Atlas) -> list[str]:
    overview = atlas.overview_of(record)
    if record.registration is None:
        return []
    if overview is None:
        target = record.registration.target_dataset
        return [f"registered to {target}, which is not public"]
    found: list[str] = []
    scale = relative_scale(record, overview)
    if abs(scale - 1) > SCALE_TOLERANCE:
        found.append(f"the registration scales by {scale:.3f} where 1 is expected")
    inside = bounding_box(record, overview).inside
    if round(inside, 6) < 1:
        found.append(f"{inside:.0%} of the registered box lies within the overview")
    return found


def bounding_box(zoom: Record, overview: Record) -> Box:
    target = volume(overview)
    corners = corners_in_target(volume(zoom), geometry(zoom))
    start, end, inside = [0.0] * 3, [0.0] * 3, 1.0
    for axis, n in enumerate(target.shape):
        low, high = min(c[axis] for c in corners), max(c[axis] for c in corners)
        start[2 - axis], end[2 - axis] = low, high
        inside *= max(0.0, min(high, n - 0.5) - max(low, -0.5)) / (high - low)
    return Box((start[0], start[1], start[2]), (end[0], end[1], end[2]), inside)


def relative_scale(zoom: Record, overview: Record) -> float:
    """Returns the scale in micrometres; it is 1 if the voxel sizes of both are right."""
    return geometry(zoom).scale_um(volume(zoom), volume(overview))


def volume(record: Record) -> Volume:
    x, y, z = record.data.shape
    return Volume((z, y, x), record.data.voxel_size_um)


def geometry(zoom: Record) -> Registration:
    """Returns the registration of a zoom, which must have one, with axes z, y, x."""
    given = zoom.registration
    if given is None:
        raise ValueError(f"{zoom.name} has no registration")
    x, y, z = given.translation
    return Registration((z, y, x), given.rotation, given.scale)
