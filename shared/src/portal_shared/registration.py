"""Geometry of registered volumes: positions in a zoom as positions in its overview.

Axes are z, y, x. A position in voxels counts from the centre of the first voxel, so a volume of n
voxels reaches from -0.5 to n - 0.5; a position in micrometres is the same number times the voxel
size. A registration scales, rotates about z, and shifts, as in the metadata of the Human Organ
Atlas (https://github.com/HumanOrganAtlas/metadata-schemas) and in hoa-tools. Pure.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float, float]
Row = tuple[float, float, float, float]
Matrix = tuple[Row, Row, Row]  # 3 x 4: rows z, y, x; columns z, y, x, shift
Corner = tuple[float, float]  # of a rectangle across z: y, x

MIN_AREA = 1e-9  # of an overlap, relative to the area of the rectangle


@dataclass(frozen=True)
class Volume:
    """Size of a volume at full resolution."""

    shape: tuple[int, int, int]  # voxels, z, y, x
    voxel_um: float

    @property
    def corners(self) -> tuple[Point, ...]:
        """The eight corners in voxels, in the order of their z, then y, then x."""
        z, y, x = ((-0.5, n - 0.5) for n in self.shape)
        return tuple(itertools.product(z, y, x))

    @property
    def centre(self) -> Point:
        z, y, x = ((n - 1) / 2 for n in self.shape)
        return (z, y, x)


@dataclass(frozen=True)
class Registration:
    """Position of a zoom (the source) in an overview (the target)."""

    translation: Point  # in voxels of the target, z, y, x
    rotation: float  # degrees about z
    scale: float  # voxels of the target per voxel of the source

    @property
    def voxel_matrix(self) -> Matrix:
        """Transforms voxels of the source to voxels of the target."""
        return _similarity(self.scale, self.rotation, self.translation)

    def um_matrix(self, source: Volume, target: Volume) -> Matrix:
        """Transforms micrometres in the source to micrometres in the target."""
        z, y, x = self.translation_um(target)
        return _similarity(self.scale_um(source, target), self.rotation, (z, y, x))

    def scale_um(self, source: Volume, target: Volume) -> float:
        """Returns the scale of lengths in micrometres: 1 if both voxel sizes are exact."""
        return self.scale * target.voxel_um / source.voxel_um

    def translation_um(self, target: Volume) -> Point:
        z, y, x = self.translation
        return (z * target.voxel_um, y * target.voxel_um, x * target.voxel_um)


def _similarity(scale: float, degrees: float, shift: Point) -> Matrix:
    angle = math.radians(degrees)
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    return (
        (scale, 0.0, 0.0, shift[0]),
        (0.0, cosine, -sine, shift[1]),
        (0.0, sine, cosine, shift[2]),
    )


def transform(matrix: Matrix, point: Point) -> Point:
    z, y, x = (sum(m * p for m, p in zip(row, (*point, 1.0), strict=True)) for row in matrix)
    return (z, y, x)


def inverse(matrix: Matrix) -> Matrix:
    """Returns the matrix of the opposite direction. The matrix must be that of a registration."""
    scale = matrix[0][0]
    columns = [[row[i] / scale**2 for row in matrix] for i in range(3)]  # transposed
    shift = [row[3] for row in matrix]
    z, y, x = (
        (c[0], c[1], c[2], -sum(a * b for a, b in zip(c, shift, strict=True))) for c in columns
    )
    return (z, y, x)


def compose(first: Matrix, second: Matrix) -> Matrix:
    """Returns the matrix that applies `first`, then `second`."""

    def row(outer: Row) -> Row:
        a, b, c, d = (sum(outer[k] * first[k][i] for k in range(3)) for i in range(4))
        return (a, b, c, d + outer[3])

    z, y, x = (row(outer) for outer in second)
    return (z, y, x)


def corners_in_target(source: Volume, registration: Registration) -> tuple[Point, ...]:
    """Returns the eight corners of the source in voxels of the target, in the order of Volume."""
    matrix = registration.voxel_matrix
    return tuple(transform(matrix, corner) for corner in source.corners)


def fraction_inside(source: Volume, registration: Registration, target: Volume) -> float:
    """Returns the fraction of the box of the source that lies in the box of the target."""
    return _shared_fraction(corners_in_target(source, registration), target.corners)


def fraction_shared(one: tuple[Volume, Registration], other: tuple[Volume, Registration]) -> float:
    """Returns the fraction of the box of `one` in the box of `other`; both have one target."""
    return _shared_fraction(corners_in_target(*one), corners_in_target(*other))


def _shared_fraction(box: Sequence[Point], other: Sequence[Point]) -> float:
    """Returns the fraction of a box in another; both are rotated about z only."""
    low, high = box[0][0], box[-1][0]
    depth = min(high, other[-1][0]) - max(low, other[0][0])
    if depth <= 0:
        return 0.0
    rectangle = _rectangle(box)
    area = _area(rectangle)
    shared = _area(_intersection(rectangle, _rectangle(other)))
    if shared < MIN_AREA * area:
        return 0.0
    return min(1.0, depth / (high - low) * shared / area)


def _rectangle(box: Sequence[Point]) -> list[Corner]:
    """Returns the corners of a box across z, in the order of its outline."""
    return [(box[i][1], box[i][2]) for i in (0, 1, 3, 2)]


def _area(outline: Sequence[Corner]) -> float:
    pairs = zip(outline, [*outline[1:], *outline[:1]], strict=True)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2


def _intersection(outline: list[Corner], clip: Sequence[Corner]) -> list[Corner]:
    """Returns the common part of two convex outlines (Sutherland and Hodgman, 1974)."""
    middle = (sum(c[0] for c in clip) / len(clip), sum(c[1] for c in clip) / len(clip))
    for start, end in zip(clip, [*clip[1:], *clip[:1]], strict=True):
        sign = math.copysign(1.0, _side(start, end, middle))
        sides = [sign * _side(start, end, corner) for corner in outline]
        clipped: list[Corner] = []
        for i, corner in enumerate(outline):
            before = i - 1
            if sides[i] * sides[before] < 0:
                share = sides[before] / (sides[before] - sides[i])
                a, b = outline[before], corner
                clipped.append((a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])))
            if sides[i] >= 0:
                clipped.append(corner)
        outline = clipped
        if not outline:
            return []
    return outline


def _side(start: Corner, end: Corner, point: Corner) -> float:
    """Returns on which side of a line the point lies: positive, negative, or 0 on the line."""
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])
