"""Draws a miniature: the specimen at the positions of its voxels, in 16-bit grey values.

Everything outside of the organ and of the round field of view is 0. The same position has the
same tissue in every dataset of a specimen; a coarse grid shows the mean of it.
"""

from collections.abc import Callable, Generator
from functools import lru_cache
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
from portal_cli.miniature.waves import Field, Lattice, Part

Volume = NDArray[np.uint16]
Outgrowths = tuple[Ball, ...]
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
STEPS = 30  # number of grey values; few values compress better
STEP = 2048  # a value of 16 bits per step: its second byte is 0
COARSE = 4  # voxels between those that are drawn first, to find the organ
COARSE_SIDE = 24  # voxels of the whole specimen along each side, to find zooms inside
FEW_ZOOMS = 3  # that are cheaper to compare one by one
ALL = (slice(None), slice(None), slice(None))
PLANES = 8  # drawn at once: they fit in the cache of a processor
DARKEST = 1.5 / STEPS  # of tissue
UM_PER_MM = 1000.0
MIN_DEPTH = 0.1  # of the centre of a zoom, relative to its radius
GROWN = 0.65  # radius of the added tissue, relative to that of the zoom


def volume(specimen: Specimen, matrix: Matrix, grid: Grid, *, is_round: bool) -> Volume:
    """Returns voxels z, y, x. `matrix`: micrometres in the dataset to those in the specimen."""
    lattice = lattice_of(matrix, grid)
    outgrowths = outgrowths_of(specimen)
    found = np.zeros(grid.shape, np.uint16)
    brush = Brush(specimen.name, lattice)
    for part in parts_with_tissue(specimen, lattice, outgrowths):
        found[part] = _draw(specimen, brush, part, outgrowths)
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


def _draw(specimen: Specimen, brush: Brush, part: Part, outgrowths: Outgrowths) -> Volume:
    grey, depth = _tissue(specimen, brush, part, outgrowths)
    share = brush.edge(depth)
    steps = np.rint(np.clip(grey, DARKEST, 0.99) * (share * np.float32(STEPS)))
    return steps.astype(np.uint16) * np.uint16(STEP)


def _tissue(
    specimen: Specimen, brush: Brush, part: Part, outgrowths: Outgrowths = ()
) -> tuple[Field, Field]:
    """Returns the grey values, and the depth below the surface of the organ in mm."""
    site = Site(brush, specimen.half_mm, *brush.select(part), outgrowths)
    return ORGANS.get(specimen.organ, any_organ)(site)


def parts_with_tissue(
    specimen: Specimen, lattice: Lattice, outgrowths: Outgrowths
) -> Generator[Part]:
    """Yields slabs without most of what is outside of the organ, found on a coarse lattice."""
    coarse = lattice.every(COARSE)
    brush = Brush(specimen.name, coarse)
    _, depth = _tissue(specimen, brush, ALL, outgrowths)
    near = np.broadcast_to(depth > -brush.voxel, coarse.shape)
    for start in range(0, lattice.shape[0], PLANES):
        seen = near[max(0, start // COARSE - 1) : (start + PLANES) // COARSE + 2]
        if seen.any():
            _, rows, columns = np.nonzero(seen)
            yield slice(start, start + PLANES), _span(rows), _span(columns)


def _span(coarse: NDArray[np.intp]) -> slice:
    """Returns the voxels between the first and the last coarse one, and one more around them."""
    return slice(max(0, int(coarse.min()) - 1) * COARSE, (int(coarse.max()) + 2) * COARSE)


def _near_surface(specimen: Specimen) -> list[Ball]:
    """Returns the zooms that are not certainly inside, by a coarse drawing of the whole organ."""
    if len(specimen.zooms) <= FEW_ZOOMS:
        return list(specimen.zooms)
    x, y, z = (2 * half / COARSE_SIDE for half in specimen.half_mm)
    first = tuple(-half + size / 2 for half, size in zip(specimen.half_mm, (x, y, z), strict=True))
    shape = (COARSE_SIDE, COARSE_SIDE, COARSE_SIDE)
    lattice = Lattice((first[0], first[1], first[2]), ((0, 0, z), (0, y, 0), (x, 0, 0)), shape)
    _, depth = _tissue(specimen, Brush(specimen.name, lattice), ALL)
    inside = np.broadcast_to(depth > 2 * max(x, y, z), shape)
    found: list[Ball] = []
    for ball in specimen.zooms:
        place = [round((c - a) / n) for c, a, n in zip(ball.centre, first, (x, y, z), strict=True)]
        within = all(0 <= n < COARSE_SIDE for n in place)
        if not within or not inside[place[2], place[1], place[0]]:
            found.append(ball)
    return found


@lru_cache(maxsize=128)
def outgrowths_of(specimen: Specimen) -> Outgrowths:
    """Returns the middles of zooms outside of the organ as drawn: the organ is larger there."""
    found: list[Ball] = []
    for ball in _near_surface(specimen):
        point = Lattice(ball.centre, ((0, 0, 1e-3), (0, 1e-3, 0), (1e-3, 0, 0)), (1, 1, 1))
        _, depth = _tissue(specimen, Brush(specimen.name, point), ALL)
        if float(depth.max()) < MIN_DEPTH * ball.radius:
            found.append(Ball(ball.centre, GROWN * ball.radius))
    return tuple(found)


def _field_of_view(shape: tuple[int, ...]) -> Volume:
    y, x = (np.arange(n, dtype=np.float32) * 2 / n - (n - 1) / n for n in shape)
    return (y[:, None] ** 2 + x[None, :] ** 2 <= 1).astype(np.uint16)


def downsample(field: NDArray[Any]) -> Volume:
    """Returns the mean of every 2 x 2 x 2 voxels, rounded to a multiple of STEP."""
    rows = field[0::2].astype(np.uint32) + field[1::2]
    columns = rows[:, 0::2] + rows[:, 1::2]
    total = columns[:, :, 0::2] + columns[:, :, 1::2]
    step = 8 * STEP
    return ((total + step // 2) // step * STEP).astype(np.uint16)
