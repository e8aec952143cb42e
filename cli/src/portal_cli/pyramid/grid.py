"""Shapes, voxel sizes and positions of the levels of a pyramid. Axes z, y, x; no I/O."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import ceil

from portal_cli.pyramid.source import Box, Triple

CHUNK, SHARD = 64, 256  # edges in voxels
MAX_COARSEST = 64  # longest axis of the coarsest level
Lengths = tuple[float, float, float]  # micrometres


@dataclass(frozen=True)
class Grid:
    """`shape` and `voxel_um` are those of level 0; a level has voxels twice as large as before."""

    shape: Triple
    voxel_um: Lengths

    @property
    def levels(self) -> int:
        """Number of levels: down to at most 64 voxels along the longest axis."""
        count, longest = 1, max(self.shape)
        while longest > MAX_COARSEST:
            longest, count = ceil(longest / 2), count + 1
        return count

    def level_shape(self, level: int) -> Triple:
        """Returns the shape; an odd length is rounded up, so that no voxel is left out."""
        z, y, x = (ceil(length / 2**level) for length in self.shape)
        return (z, y, x)

    def scale(self, level: int) -> Lengths:
        z, y, x = (size * 2**level for size in self.voxel_um)
        return (z, y, x)

    def translation(self, level: int) -> Lengths:
        """Returns the centre of the first voxel, relative to that of level 0."""
        z, y, x = (size * (2**level - 1) / 2 for size in self.voxel_um)
        return (z, y, x)


def shard_numbers(shape: Triple) -> Iterator[Triple]:
    """Yields the numbers of the shards along z, y, x in the order of their names."""
    z, y, x = (range(ceil(length / SHARD)) for length in shape)
    yield from product(z, y, x)


def box_of(number: Triple, edge: int, shape: Triple) -> Box:
    """Returns the part of the cube with this number and edge that lies in the volume."""
    z, y, x = (
        slice(n * edge, min((n + 1) * edge, length))
        for n, length in zip(number, shape, strict=True)
    )
    return (z, y, x)


def lengths_of(box: Box) -> Triple:
    z, y, x = (part.stop - part.start for part in box)
    return (z, y, x)
