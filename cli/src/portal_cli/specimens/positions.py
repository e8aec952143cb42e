"""Where each dataset lies in its specimen, so that all of them can be cut out of one drawing."""

import math
import random
from dataclasses import dataclass

from portal_shared.registration import Matrix, Point, Registration, Volume, compose, transform

from portal_cli.hoa.atlas import Atlas
from portal_cli.hoa.record import Record
from portal_cli.hoa.registration import geometry, volume

SIZE_OF_ZOOM = 3.0  # size of a specimen without an overview, relative to its largest zoom
MIDDLE = 0.45  # part of the half size within which a zoom without a position is put


@dataclass(frozen=True)
class Cut:
    """Position of a dataset in its specimen."""

    matrix: Matrix  # micrometres in the dataset to those from the specimen's centre; z, y, x
    is_known: bool  # by a registration, or because it is the whole specimen


@dataclass(frozen=True)
class Region:
    """The ball around a registered zoom, in micrometres from the specimen's centre; z, y, x."""

    centre: Point
    radius: float


def half_size_um(record: Record, atlas: Atlas) -> Point:
    """Returns half the size of the field of view of the first overview of the specimen; z, y, x."""
    records = [e.record for e in atlas.specimens[record.specimen]]
    overviews = [r for r in records if r.dataset_type == "overview"]
    if overviews:
        return _half(volume(overviews[0]))
    z, y, x = (SIZE_OF_ZOOM * max(_half(volume(r))[axis] for r in records) for axis in range(3))
    return (z, y, x)


def cut(record: Record, atlas: Atlas) -> Cut:
    """Returns the position by the registration, or a plausible one that is always the same."""
    if record.dataset_type == "overview":
        return Cut(_from_centre(volume(record)), is_known=True)
    overview = atlas.overview_of(record)
    if overview is None:
        return Cut(_plausible(record, half_size_um(record, atlas)), is_known=False)
    matrix = geometry(record).um_matrix(volume(record), volume(overview))
    return Cut(compose(matrix, _from_centre(volume(overview))), is_known=True)


def regions(record: Record, atlas: Atlas) -> list[Region]:
    """Returns where the registered zooms of the specimen lie."""
    found: list[Region] = []
    for entry in atlas.specimens[record.specimen]:
        zoom = entry.record
        if atlas.overview_of(zoom) is None:
            continue
        size = volume(zoom)
        z, y, x = (n * size.voxel_um for n in size.centre)
        centre = transform(cut(zoom, atlas).matrix, (z, y, x))
        found.append(Region(centre, max(_half(size))))
    return found


def _from_centre(whole: Volume) -> Matrix:
    z, y, x = (-n * whole.voxel_um for n in whole.centre)
    return Registration((z, y, x), 0.0, 1.0).voxel_matrix


def _plausible(record: Record, half: Point) -> Matrix:
    """Returns a place near the middle of the specimen, by the name of the dataset."""
    chance = random.Random(record.name)  # noqa: S311 (a place in a drawing)
    turned = Registration((0.0, 0.0, 0.0), chance.uniform(0, 360), 1.0).voxel_matrix
    away = [chance.uniform(-1, 1) * MIDDLE * n / math.sqrt(2) for n in half]
    size = volume(record)
    z, y, x = (n * size.voxel_um for n in size.centre)
    middle = transform(turned, (z, y, x))
    rows = [(*row[:3], a - m) for row, a, m in zip(turned, away, middle, strict=True)]
    return (rows[0], rows[1], rows[2])


def _half(whole: Volume) -> Point:
    z, y, x = (n * whole.voxel_um / 2 for n in whole.shape)
    return (z, y, x)
