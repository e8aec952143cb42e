"""Miniatures of one specimen agree: a zoom shows what its overview shows at the same place."""

import dataclasses
import math
import random

import numpy as np
import pytest
from numpy.typing import NDArray
from portal_cli.hoa.atlas import Atlas
from portal_cli.hoa.record import Record
from portal_cli.hoa.registration import geometry, volume
from portal_cli.miniature import renderer
from portal_cli.specimens.miniatures import position_of
from portal_shared.registration import Matrix, fraction_inside

from tests.drivers.curation.miniatures import grid_of

Array = NDArray[np.floating]
PAIRS = 20
HEART = "LADAF-2020-27_heart_ROI-01_6.5um_bm18"
MIN_INSIDE = 0.99
MIN_VOXELS = 6  # of the overview along each side of the zoom: fewer are no picture


def draw(record: Record, atlas: Atlas) -> NDArray[np.uint16]:
    position = position_of(record, atlas)
    return renderer.volume(position.specimen, position.matrix, grid_of(record), is_round=False)


def correlation(
    zoom: Record, overview: Record, matrix: Matrix, drawn: tuple[Array, Array]
) -> float:
    """Correlates the overview with the means of the zoom over its voxels.

    `matrix` transforms micrometres of the zoom to micrometres of the overview. Only voxels that
    the zoom fills to nine tenths are compared.
    """
    small, large = drawn
    rows, grid, size = np.array(matrix), grid_of(overview), grid_of(zoom)
    step = np.array(grid.voxel_um)
    starts = zip(size.shape, size.voxel_um, size.translation(0), strict=True)
    z, y, x = np.ix_(*(np.arange(n) * width + start for n, width, start in starts))
    within, place = np.ones(small.shape, bool), np.zeros(small.shape, np.int64)
    for row, start, width, n in zip(rows, grid.translation(0), step, large.shape, strict=True):
        um = row[0] * z + row[1] * y + row[2] * x + (row[3] - start)
        index = np.rint(um / width).astype(np.int64)
        within &= (index >= 0) & (index < n)
        place = place * n + index
    flat = place[within]
    count = np.bincount(flat, minlength=large.size)
    total = np.bincount(flat, weights=small[within].astype(float), minlength=large.size)
    voxel = np.prod(np.array(size.voxel_um)) * abs(np.linalg.det(rows[:, :3]))
    full = count * voxel > 0.9 * np.prod(step)
    means, seen = total[full] / count[full], large.ravel()[full].astype(float)
    if len(means) < MIN_VOXELS or not means.std() or not seen.std():
        return 0.0
    return float(np.corrcoef(means, seen)[0, 1])


@pytest.fixture(scope="module")
def pairs(whole: Atlas) -> list[tuple[Record, Record]]:
    """A zoom of the heart of LADAF-2020-27, and others by chance, always the same."""
    found: list[tuple[Record, Record]] = []
    for name in sorted(whole.entries):
        zoom = whole.entries[name].record
        overview = whole.overview_of(zoom)
        if overview is None:
            continue
        voxels = min(zoom.data.shape) * zoom.data.voxel_size_um / max(grid_of(overview).voxel_um)
        inside = fraction_inside(volume(zoom), geometry(zoom), volume(overview))
        if inside > MIN_INSIDE and voxels >= MIN_VOXELS:
            found.append((zoom, overview))
    chosen = random.Random(14).sample(found, PAIRS - 1)  # noqa: S311
    heart = next(pair for pair in found if pair[0].name == HEART)
    return [heart, *(pair for pair in chosen if pair[0].name != HEART)]


def shifted(matrix: Matrix, axis: int, um: float) -> Matrix:
    rows = [list(row) for row in matrix]
    rows[axis][3] += um
    z, y, x = ((a, b, c, d) for a, b, c, d in rows)
    return (z, y, x)


def test_zooms_laid_on_their_overviews_match(
    pairs: list[tuple[Record, Record]], whole: Atlas
) -> None:
    """At the registered position, and less at any other: half a voxel away, or turned back."""
    turned_back: list[tuple[float, float]] = []
    overviews = {
        name: draw(whole.entries[name].record, whole) for name in {o.name for _, o in pairs}
    }
    for zoom, overview in pairs:
        drawn = (draw(zoom, whole), overviews[overview.name])
        given, sizes = geometry(zoom), (volume(zoom), volume(overview))
        right = given.um_matrix(*sizes)
        found = correlation(zoom, overview, right, drawn)
        assert found >= 0.9, zoom.name
        for axis, step in enumerate(grid_of(overview).voxel_um):
            moved = correlation(zoom, overview, shifted(right, axis, step / 2), drawn)
            assert moved < found, (zoom.name, axis)
        if abs(math.remainder(given.rotation, 180)) > 5:
            wrong = dataclasses.replace(given, rotation=-given.rotation).um_matrix(*sizes)
            turned_back.append((correlation(zoom, overview, wrong, drawn), found))
    assert len(turned_back) >= 5
    assert all(wrong < found - 0.02 for wrong, found in turned_back)
