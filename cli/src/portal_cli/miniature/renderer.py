"""Draws a miniature: the specimen at the positions of its voxels, in 16-bit grey values.

Everything outside of the organ and of the round field of view is 0. The same position has the
same tissue in every dataset of a specimen; a coarse grid shows the mean of it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from portal_shared.registration import Matrix, transform

from portal_cli.miniature.brush import Brush
from portal_cli.miniature.grid import Grid
from portal_cli.miniature.organs.abdomen import colon, liver, spleen
from portal_cli.miniature.organs.brain import brain
from portal_cli.miniature.organs.heart import heart
from portal_cli.miniature.organs.kidney import kidney
from portal_cli.miniature.organs.lung import lung
from portal_cli.miniature.organs.pelvis import any_organ, female_genitalia, placenta, uterus
from portal_cli.miniature.organs.site import Site
from portal_cli.miniature.organs.small import eye, prostate, tendon, testis
from portal_cli.miniature.specimen import Ball, Specimen
from portal_cli.miniature.waves import Field, Lattice

Volume = NDArray[np.uint16]
Organ = Callable[[Site], tuple[Field, Field]]
ORGANS: dict[str, Organ] = {
    "achillesTendon": tendon,
    "brain": brain,
    "colon": colon,
    "eye": eye,
    "femaleGenitalia": female_genitalia,
    "heart": heart,
    "kidney": kidney,
    "liver": liver,
    "lung": lung,
    "placenta": placenta,
    "prostate": prostate,
    "spleen": spleen,
    "testis": testis,
    "uterus": uterus,
}
STEPS = 48  # number of grey values; few values compress better
STEP = 1280  # a value of 16 bits per step: its second byte is 0
PLANES = 8  # drawn at once: they fit in the cache of a processor
DARKEST = 1.5 / STEPS  # of tissue
UM_PER_MM = 1000.0
MIN_DEPTH = 0.1  # of the centre of a zoom, relative to its radius
GROWN = 0.65  # radius of the added tissue, relative to that of the zoom


def volume(specimen: Specimen, matrix: Matrix, grid: Grid, *, is_round: bool) -> Volume:
    """Returns voxels z, y, x. `matrix`: micrometres in the dataset to those in the specimen."""
    lattice = lattice_of(matrix, grid)
    balls = _balls_without_tissue(specimen)
    found = np.empty(grid.shape, np.uint16)
    brush = Brush(specimen.name, lattice)
    for start in range(0, grid.shape[0], PLANES):
        planes = slice(start, start + PLANES)
        found[planes] = _draw(specimen, brush, planes, balls)
    if is_round:
        found *= _field_of_view(grid.shape[1:])
    return found


def lattice_of(matrix: Matrix, grid: Grid) -> Lattice:
    """Returns the positions of the voxels in the specimen."""
    first = transform(matrix, grid.translation(0))
    steps: list[tuple[float, float, float]] = []
    for axis in range(3):
        z, y, x = (matrix[row][axis] * grid.voxel_um[axis] / UM_PER_MM for row in range(3))
        steps.append((x, y, z))
    x, y, z = (value / UM_PER_MM for value in reversed(first))
    return Lattice((x, y, z), tuple(steps), grid.shape)


def _draw(specimen: Specimen, brush: Brush, planes: slice, balls: Sequence[Ball]) -> Volume:
    brush.select(planes)
    x, y, z = (c[planes] if len(c) > 1 else c for c in brush.lattice.coordinates)
    site = Site(brush, specimen.half_mm, x, y, z)
    grey, depth = ORGANS.get(specimen.organ, any_organ)(site)
    for ball in balls:
        depth = np.maximum(depth, _ball_depth(ball, x, y, z))
    share = brush.edge(depth)
    steps = np.rint(np.clip(grey, DARKEST, 0.99) * (share * np.float32(STEPS)))
    return steps.astype(np.uint16) * np.uint16(STEP)


def _ball_depth(ball: Ball, x: Field, y: Field, z: Field) -> Field:
    away = (x - ball.centre[0]) ** 2 + (y - ball.centre[1]) ** 2 + (z - ball.centre[2]) ** 2
    return np.float32(ball.radius) - np.sqrt(away)


def _balls_without_tissue(specimen: Specimen) -> list[Ball]:
    """Returns the middles of zooms outside of the organ as drawn: the organ is larger there."""
    found: list[Ball] = []
    for ball in specimen.zooms:
        point = Lattice(ball.centre, ((0, 0, 1e-3), (0, 1e-3, 0), (1e-3, 0, 0)), (1, 1, 1))
        site = Site(Brush(specimen.name, point), specimen.half_mm, *point.coordinates)
        _, depth = ORGANS.get(specimen.organ, any_organ)(site)
        if float(depth.max()) < MIN_DEPTH * ball.radius:
            found.append(Ball(ball.centre, GROWN * ball.radius))
    return found


def _field_of_view(shape: tuple[int, ...]) -> Volume:
    y, x = (np.arange(n, dtype=np.float32) * 2 / n - (n - 1) / n for n in shape)
    return (y[:, None] ** 2 + x[None, :] ** 2 <= 1).astype(np.uint16)


def downsample(field: NDArray[Any]) -> Volume:
    """Returns the mean of every 2 x 2 x 2 voxels."""
    z, y, x = (n // 2 for n in field.shape)
    blocks = field.reshape(z, 2, y, 2, x, 2).astype(np.uint32)
    return ((blocks.sum(axis=(1, 3, 5)) + 4) // 8).astype(np.uint16)
