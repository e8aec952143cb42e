"""Describes the miniature of a dataset of the Human Organ Atlas."""

from portal_shared.registration import Point

from portal_cli.hoa.atlas import Atlas
from portal_cli.hoa.details import dataset_details
from portal_cli.hoa.record import Record
from portal_cli.hoa.source import Entry
from portal_cli.miniature.folder import Miniature
from portal_cli.miniature.grid import MAX_SIDE, ZOOM_SIDE
from portal_cli.miniature.specimen import Ball, Position, Specimen
from portal_cli.specimens import positions

UM_PER_MM = 1000.0


def miniature_of(entry: Entry, atlas: Atlas, release: str) -> Miniature:
    record = entry.record
    return Miniature(
        name=record.name,
        position=position_of(record, atlas),
        shape=record.data.shape,
        voxel_um=record.data.voxel_size_um,
        metadata=dataset_details(entry, atlas, release),
        max_side=max_side_of(record),
    )


def max_side_of(record: Record) -> int:
    """Returns the voxels along the longest axis of the miniature."""
    return ZOOM_SIDE if record.dataset_type == "zoom" else MAX_SIDE


def position_of(record: Record, atlas: Atlas) -> Position:
    """Returns the specimen of a dataset and its position in it."""
    found = positions.cut(record, atlas)
    specimen = Specimen(
        record.specimen,
        record.sample.organ,
        _mm(positions.half_size_um(record, atlas)),
        tuple(
            Ball(_mm(region.centre), region.radius / UM_PER_MM)
            for region in positions.regions(record, atlas)
        ),
    )
    return Position(specimen, found.matrix, found.is_known)


def _mm(um: Point) -> Point:
    """Returns z, y, x in micrometres as x, y, z in millimetres."""
    return (um[2] / UM_PER_MM, um[1] / UM_PER_MM, um[0] / UM_PER_MM)
