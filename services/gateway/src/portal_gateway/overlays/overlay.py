"""Models of overlays, and how they follow from the placements of volumes. Pure."""

from collections.abc import Iterable
from typing import Literal

from portal_shared.registration import (
    Matrix,
    Point,
    Registration,
    Volume,
    compose,
    corners_in_target,
    fraction_inside,
    fraction_shared,
    inverse,
)
from pydantic import BaseModel, Field

from portal_gateway.overlays.placement import Placement

Status = Literal["registered", "target not public", "position unknown"]
NOT_PUBLIC = "The overview to which this zoom is registered is not public"
SAME_SPECIMEN = "Overview and zoom are of the same specimen, but the zoom is not registered"
NO_OVERVIEW = "The zoom is not registered, and its specimen has no public overview"
NO_SIZE = "The shape or the voxel size of {} is not given in its metadata"


class Parts(BaseModel):
    """The registration as it was published, with axes z, y, x."""

    scale: float = Field(description="Voxels of the overview per voxel of the zoom")
    scale_um: float = Field(description="The same in micrometres; near 1")
    rotation_degrees: float = Field(description="About z: positive turns from y to -x")
    translation_voxel: Point = Field(description="Voxels of the overview")
    translation_um: Point


class OverlayRegistration(BaseModel):
    """Position of one zoom in one overview."""

    source: str = Field(description="Pid of the zoom")
    target: str | None = Field(description="Pid of the overview; null if it is not public")
    status: Status
    reason: str | None = Field(default=None, description="Why there is no position")
    matrix_um: Matrix | None = Field(
        default=None,
        description="Micrometres in the zoom to micrometres in the overview; rows z, y, x; "
        "columns z, y, x, shift. 0 is the centre of the first voxel",
    )
    matrix_voxel: Matrix | None = Field(
        default=None,
        description="The same for indices of voxels at full resolution, by their centres",
    )
    parts: Parts | None = None
    corners_um: tuple[Point, ...] | None = Field(
        default=None, description="The eight outer corners of the zoom in the overview"
    )
    corners_voxel: tuple[Point, ...] | None = None
    inside: float | None = Field(
        default=None, ge=0, le=1, description="Fraction of the zoom that lies in the overview"
    )


class Overlap(BaseModel):
    """Another zoom that shares a part of the volume of this zoom."""

    pid: str = Field(description="Pid of the other zoom")
    target: str = Field(description="Pid of the overview to which both are registered")
    inside: float = Field(gt=0, le=1, description="Fraction of this zoom in the other zoom")
    matrix_um: Matrix = Field(description="Micrometres in this zoom to those in the other zoom")
    matrix_voxel: Matrix


class Overlay(BaseModel):
    """Registrations of a volume: those of its zooms, or its own."""

    pid: str
    registrations: list[OverlayRegistration]
    overlapping: list[Overlap]


def describe_registration(zoom: Placement, overview: Placement | None) -> OverlayRegistration:
    """Returns the position of a zoom; `overview` is its target, or None if that is not public."""
    if zoom.problem is not None:
        reason = f"The registration in the metadata is not valid: {zoom.problem}"
        return unknown_position(zoom.pid, overview.pid if overview else None, reason)
    if overview is None:
        return OverlayRegistration(
            source=zoom.pid, target=None, status="target not public", reason=NOT_PUBLIC
        )
    if zoom.registration is None:
        return unknown_position(zoom.pid, overview.pid, SAME_SPECIMEN)
    if zoom.volume is None or overview.volume is None:
        which = "the zoom" if zoom.volume is None else "the overview"
        return unknown_position(zoom.pid, overview.pid, NO_SIZE.format(which))
    return _registered((zoom.pid, zoom.volume), (overview.pid, overview.volume), zoom.registration)


def unknown_position(zoom: str, overview: str | None, reason: str) -> OverlayRegistration:
    return OverlayRegistration(
        source=zoom, target=overview, status="position unknown", reason=reason
    )


def _registered(
    zoom: tuple[str, Volume], overview: tuple[str, Volume], given: Registration
) -> OverlayRegistration:
    source, target = zoom[1], overview[1]
    corners = corners_in_target(source, given)
    return OverlayRegistration(
        source=zoom[0],
        target=overview[0],
        status="registered",
        matrix_um=given.um_matrix(source, target),
        matrix_voxel=given.voxel_matrix,
        parts=Parts(
            scale=given.scale,
            scale_um=given.scale_um(source, target),
            rotation_degrees=given.rotation,
            translation_voxel=given.translation,
            translation_um=given.translation_um(target),
        ),
        corners_um=tuple(_scaled(corner, target.voxel_um) for corner in corners),
        corners_voxel=corners,
        inside=fraction_inside(source, given, target),
    )


def _scaled(point: Point, factor: float) -> Point:
    return (point[0] * factor, point[1] * factor, point[2] * factor)


def find_overlaps(zoom: Placement, others: Iterable[Placement]) -> list[Overlap]:
    """Returns the zooms of the same overview that share a part of this zoom, largest part first."""
    if zoom.volume is None or zoom.registration is None or zoom.target is None:
        return []
    found: list[Overlap] = []
    for other in others:
        if other.pid == zoom.pid or other.volume is None or other.registration is None:
            continue
        one, two = (zoom.volume, zoom.registration), (other.volume, other.registration)
        inside = fraction_shared(one, two)
        if inside <= 0:
            continue
        matrix = compose(zoom.registration.voxel_matrix, inverse(other.registration.voxel_matrix))
        found.append(
            Overlap(
                pid=other.pid,
                target=zoom.target,
                inside=inside,
                matrix_um=_in_um(matrix, zoom.volume, other.volume),
                matrix_voxel=matrix,
            )
        )
    return sorted(found, key=lambda o: (-o.inside, o.pid))


def _in_um(matrix: Matrix, source: Volume, target: Volume) -> Matrix:
    """Returns a matrix of voxels as one of micrometres."""
    factor = target.voxel_um / source.voxel_um
    z, y, x = (
        (a * factor, b * factor, c * factor, shift * target.voxel_um) for a, b, c, shift in matrix
    )
    return (z, y, x)
