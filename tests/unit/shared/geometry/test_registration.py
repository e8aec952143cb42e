"""Geometry of zooms in their overviews, without outside data."""

import itertools
import math
import random

import pytest
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
    transform,
)

OVERVIEW = Volume((100, 100, 100), 20.0)
IDENTITY: Matrix = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0))


def close(one: Point, other: Point, tolerance: float = 1e-9) -> bool:
    return all(math.isclose(a, b, abs_tol=tolerance) for a, b in zip(one, other, strict=True))


def test_a_positive_rotation_turns_y_to_minus_x_as_in_the_metadata_of_the_atlas() -> None:
    quarter = Registration((0, 0, 0), 90, 1).voxel_matrix
    assert close(transform(quarter, (5, 1, 0)), (5, 0, 1))
    assert close(transform(quarter, (5, 0, 1)), (5, -1, 0))


def test_one_voxel_of_the_overview_is_the_block_of_zoom_voxels_around_its_centre() -> None:
    """A voxel of 20 um is 4 x 4 x 4 voxels of 5 um: their outer corners agree, not their first
    centres, so the shift is that of the centre of the first small voxel."""
    zoom = Volume((4, 4, 4), 5.0)
    landmark = (10, 20, 30)
    z, y, x = (n - 0.5 + 0.125 for n in landmark)
    found = corners_in_target(zoom, Registration((z, y, x), 0, 0.25))
    expected = itertools.product(*((n - 0.5, n + 0.5) for n in landmark))
    assert all(close(a, b) for a, b in zip(found, expected, strict=True))
    wrong = corners_in_target(zoom, Registration(tuple(n - 0.5 for n in landmark), 0, 0.25))
    assert not close(wrong[0], found[0], 0.1)


def test_micrometres_and_voxels_describe_the_same_place() -> None:
    zoom = Volume((50, 60, 70), 4.9)
    given = Registration((11.5, 7.25, 3.0), 33.0, 0.25)
    voxel = (1.0, 2.0, 3.0)
    um = transform(given.um_matrix(zoom, OVERVIEW), (4.9, 9.8, 14.7))
    z, y, x = (n * 20.0 for n in transform(given.voxel_matrix, voxel))
    assert close(um, (z, y, x))
    assert given.scale_um(zoom, OVERVIEW) == pytest.approx(0.25 * 20 / 4.9)


def test_a_matrix_and_its_inverse_cancel() -> None:
    chance = random.Random(7)  # noqa: S311
    for _ in range(50):
        shift = (chance.uniform(-9, 9), chance.uniform(-9, 9), chance.uniform(-9, 9))
        matrix = Registration(shift, chance.uniform(-360, 360), chance.uniform(0.1, 9)).voxel_matrix
        for found in (compose(matrix, inverse(matrix)), compose(inverse(matrix), matrix)):
            assert all(
                math.isclose(a, b, abs_tol=1e-9)
                for row, expected in zip(found, IDENTITY, strict=True)
                for a, b in zip(row, expected, strict=True)
            )


@pytest.mark.parametrize(
    ("shift", "degrees", "expected"),
    [
        ((40, 40, 40), 0, 1.0),
        ((-0.5 - 10 + 0.5, 40, 40), 0, 0.5),  # half of its depth
        ((-0.5, -10, 40), 0, 0.5),
        ((-10.5 + 0.5, -10, 40), 0, 0.25),
        ((500, 40, 40), 0, 0.0),
        ((40, 500, 40), 0, 0.0),
        ((40, 99.5, 40), 45, 0.5),  # a rotated square, halved by the border along its diagonal
    ],
)
def test_the_fraction_inside_is_that_of_the_box(
    shift: Point, degrees: float, expected: float
) -> None:
    zoom = Volume((20, 20, 20), 20.0)
    given = Registration(shift, degrees, 1)
    if degrees:  # put its centre on the border
        middle = transform(given.voxel_matrix, zoom.centre)
        z, y, x = (s + s - m for s, m in zip(shift, middle, strict=True))
        given = Registration((z, y, x), degrees, 1)
    assert fraction_inside(zoom, given, OVERVIEW) == pytest.approx(expected, abs=0.03)
    if expected in (0, 1):
        assert fraction_inside(zoom, given, OVERVIEW) == expected


def test_the_fraction_of_rotated_boxes_agrees_with_random_points() -> None:
    chance = random.Random(11)  # noqa: S311
    for _ in range(10):
        one = Volume((20, 40, 30), 5.0), Registration((5, 8, 4), chance.uniform(0, 360), 0.9)
        two = Volume((30, 30, 30), 5.0), Registration((9, 0, 0), chance.uniform(0, 360), 1.1)
        back = compose(one[1].voxel_matrix, inverse(two[1].voxel_matrix))
        hits = 0
        for _ in range(4000):
            z, y, x = (chance.uniform(-0.5, n - 0.5) for n in one[0].shape)
            found = transform(back, (z, y, x))
            hits += all(-0.5 <= p <= n - 0.5 for p, n in zip(found, two[0].shape, strict=True))
        assert fraction_shared(one, two) == pytest.approx(hits / 4000, abs=0.04)


def test_boxes_that_only_touch_share_nothing() -> None:
    zoom = Volume((10, 10, 10), 20.0)
    first, second = Registration((0, 0, 0), 0, 1), Registration((0, 10, 0), 0, 1)
    assert fraction_shared((zoom, first), (zoom, second)) == 0
