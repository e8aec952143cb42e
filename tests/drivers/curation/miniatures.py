"""Miniatures of a kidney, and the grid of that of a record."""

from typing import Any

from portal_cli.hoa.record import Record
from portal_cli.miniature.folder import Miniature
from portal_cli.miniature.grid import Grid, build_grid
from portal_cli.miniature.specimen import Position, Specimen
from portal_cli.specimens.miniatures import max_side_of
from portal_shared.registration import Matrix, Registration


def placed(
    organ: str = "kidney", *, whole: bool = True, um: float = 25.08, name: str = "LADAF_kidney"
) -> Position:
    """A whole organ of 3815 x 3800 x 9479 voxels of 25.08 um, or a zoom in its middle."""
    z, y, x = (-(n - 1) / 2 * um for n in (9479, 3800, 3815))
    matrix: Matrix = Registration((z, y, x), 0 if whole else 20, 1).voxel_matrix
    return Position(Specimen(name, organ, (47.8, 47.6, 118.9)), matrix, is_known=whole)


def miniature(name: str = "LADAF_kidney", **changed: Any) -> Miniature:
    given: dict[str, Any] = {
        "position": placed(name=name),
        "shape": (3815, 3800, 9479),
        "voxel_um": 25.08,
        "metadata": {"donor": {"id": "LADAF"}},
    }
    return Miniature(name=name, **{**given, **changed})


def grid_of(record: Record) -> Grid:
    return build_grid(record.data.shape, record.data.voxel_size_um, max_side_of(record))
