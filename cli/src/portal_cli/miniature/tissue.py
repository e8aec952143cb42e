"""Generates a procedural volume that looks like tissue in a jar, for pages without real voxels.

It depends only on the name: the same name gives the same voxels.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]
Volume = NDArray[np.uint16]

JAR, TISSUE, BRIGHT = 0.16, 0.45, 0.85  # grey levels from 0 to 1
STEPS = 256  # number of grey levels; few levels compress better


@dataclass(frozen=True)
class Look:
    """Features by which an organ is recognised, even with only 64 voxels per side."""

    half: tuple[float, float, float] = (0.85, 0.7, 0.75)  # z, y, x of the whole organ
    bumps: float = 0.18  # unevenness of the outline
    grain: int = 14  # cells of the fine texture along an axis
    pores: float = 0.0  # fraction of air
    folds: float = 0.0  # depth of furrows from the surface
    rays: float = 0.0  # strength of stripes towards the centre
    cavities: int = 0
    vessels: float = 0.5
    wall: float = 0.0  # brightness of the wall around an empty centre


LOOKS = {
    "lung": Look((0.92, 0.6, 0.62), 0.22, 20, pores=0.9, vessels=0.7),
    "brain": Look((0.75, 0.85, 0.72), 0.1, 12, folds=0.8, vessels=0.25),
    "heart": Look((0.85, 0.72, 0.68), 0.15, 14, cavities=2, vessels=0.4),
    "kidney": Look((0.9, 0.55, 0.5), 0.1, 12, rays=0.6, cavities=1, vessels=0.5),
    "liver": Look((0.6, 0.75, 0.9), 0.22, 16, vessels=0.8),
    "spleen": Look((0.85, 0.5, 0.6), 0.16, 24, vessels=0.5),
    "eye": Look((0.8, 0.8, 0.8), 0.02, 8, vessels=0.0, wall=0.9),
    "colon": Look((0.95, 0.6, 0.6), 0.2, 12, folds=0.5, vessels=0.3, wall=0.6),
    "uterus": Look((0.85, 0.6, 0.65), 0.12, 14, cavities=1, vessels=0.4),
    "placenta": Look((0.45, 0.9, 0.9), 0.12, 22, pores=0.4, vessels=0.9),
    "testis": Look((0.8, 0.65, 0.65), 0.06, 22, folds=0.2, vessels=0.3),
    "achillesTendon": Look((0.95, 0.4, 0.5), 0.08, 10, rays=0.3, vessels=0.1),
}


def volume(name: str, organ: str, *, whole: bool, shape: tuple[int, int, int]) -> Volume:
    """Returns voxels z, y, x: a whole organ in a jar, or a zoom as a cylinder along z."""
    look = LOOKS.get(organ, Look())
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    random = np.random.default_rng(seed)
    z, y, x = (
        np.linspace(-1, 1, n, dtype=np.float32).reshape(
            tuple(-1 if a == axis else 1 for a in range(3))
        )
        for axis, n in enumerate(shape)
    )
    coarse, medium = noise(random, shape, 4), noise(random, shape, 8)
    fine = noise(random, shape, look.grain)
    depth = _depth(look, whole, (z, y, x), coarse)
    level = TISSUE + 0.16 * coarse + 0.1 * medium + 0.14 * fine
    if look.pores:
        level -= look.pores * 0.4 * _soft(fine + 0.3 * medium, 0.05, 0.25)
    if look.folds:
        furrow = np.abs(medium) + 1.2 * np.clip(depth, 0, 1)
        level -= look.folds * 0.35 * (1 - _soft(furrow, 0.1, 0.2))
    if look.rays:
        stripes = np.sin(14 * np.arctan2(y, x) + 5 * coarse)
        level += look.rays * 0.12 * stripes * _soft(depth, 0.15, 0.35)
    if look.wall:
        edge = 1 - _soft(np.abs(depth - 0.12), 0.06, 0.14)
        level = level * 0.45 + look.wall * 0.5 * edge
    if look.vessels:
        level = _vessels(level, noise(random, shape, 5), coarse, look.vessels)
    for _ in range(look.cavities if whole else 0):
        cz, cy, cx = (float(v) for v in random.uniform(-0.3, 0.3, 3))
        gap = np.sqrt(((z - cz) / 0.4) ** 2 + ((y - cy) / 0.26) ** 2 + ((x - cx) / 0.26) ** 2)
        level += (JAR + 0.05 - level) * (1 - _soft(gap + 0.3 * coarse, 0.8, 1.05))
    body = _soft(depth, 0.0, 0.06)
    outside = JAR + 0.03 * medium if whole else np.float32(0)
    return _grey(outside + body * (level - outside), (y, x))


def _depth(look: Look, whole: bool, axes: tuple[Field, Field, Field], coarse: Field) -> Field:  # noqa: FBT001
    """Returns the depth below the surface: 0 there, 1 in the centre, negative outside."""
    z, y, x = axes
    if not whole:
        return np.broadcast_to(1.1 - np.sqrt(y * y + x * x), coarse.shape).astype(np.float32)
    a, b, c = look.half
    return 1 - np.sqrt((z / a) ** 2 + (y / b) ** 2 + (x / c) ** 2) - look.bumps * coarse


def _vessels(level: Field, tubes: Field, other: Field, share: float) -> Field:
    """Adds tubes where both fields are near zero: a bright wall around a dark lumen."""
    away = np.sqrt(tubes * tubes + (other * 0.8) ** 2)
    wall = 1 - _soft(away, 0.1, 0.2)
    lumen = 1 - _soft(away, 0.04, 0.09)
    return level + share * (wall * (BRIGHT - level) - lumen * 0.6)


def _grey(level: Field, axes: tuple[Field, Field]) -> Volume:
    """Converts to 16-bit grey levels; outside the field of view they are 0."""
    y, x = axes
    inside = (y * y + x * x) <= 1.0
    steps = np.clip(np.rint(level * STEPS), 1, STEPS - 1).astype(np.uint16)
    return np.where(inside, steps * np.uint16(65536 // STEPS), np.uint16(0)).astype(np.uint16)


def _soft(field: Field, low: float, high: float) -> Field:
    """Returns 0 below `low`, 1 above `high`, and a smooth transition between."""
    t = np.clip((field - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def noise(random: np.random.Generator, shape: tuple[int, int, int], cells: int) -> Field:
    """Returns smooth noise about 0 (most within ±0.5) with about `cells` bumps along an axis."""
    found: Field = random.uniform(-1, 1, (cells + 1,) * 3).astype(np.float32)
    for axis, n in enumerate(shape):
        at = np.linspace(0, cells, n, dtype=np.float32)
        low = np.minimum(at.astype(int), cells - 1)
        share = _soft(at - low, 0, 1).astype(np.float32)
        share = share.reshape(tuple(-1 if a == axis else 1 for a in range(3)))
        near, far = found.take(low, axis), found.take(low + 1, axis)
        found = near + share * (far - near)
    return found


def downsample(field: Volume) -> Volume:
    """Returns the mean of every 2 x 2 x 2 voxels."""
    z, y, x = (n // 2 for n in field.shape)
    blocks = field.reshape(z, 2, y, 2, x, 2).astype(np.uint32)
    return ((blocks.sum(axis=(1, 3, 5)) + 4) // 8).astype(np.uint16)
