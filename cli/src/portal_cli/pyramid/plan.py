"""Which parts of a volume are read at once, so that memory is bounded and no block is read twice.

Pure: depends on the shape, the type and the blocks of the source only.
"""

from dataclasses import dataclass
from itertools import product
from math import ceil, prod

from portal_cli.pyramid.grid import SHARD
from portal_cli.pyramid.source import Box, Source, Triple

MIB = 1 << 20
REGION_BYTES = 272 * MIB  # of a region in memory; two are in use at a time
READ_BYTES = 160 * MIB  # of the blocks that are being decoded
MAX_BLOCK_BYTES = 512 * MIB
PIECE_BYTES = 2 * MIB


@dataclass(frozen=True)
class Plan:
    """`region`: lengths of what is read before shards are written; multiples of a shard's edge."""

    shape: Triple
    region: Triple
    piece: Triple
    in_memory: bool
    readers: int

    def regions(self) -> list[Box]:
        return _boxes(tuple(slice(0, n) for n in self.shape), self.region)

    def pieces(self, region: Box) -> list[Box]:
        """Returns the parts of a region that are read one by one, along the blocks."""
        return _boxes(region, self.piece)


def make_plan(source: Source, threads: int) -> Plan:
    """Returns the plan. Regions are split only where no block of the source is cut."""
    size = source.dtype.itemsize
    lengths = [min(source.shape[0], SHARD * ceil(source.block[0] / SHARD)), *source.shape[1:]]
    budget = REGION_BYTES if source.block_bytes <= READ_BYTES else REGION_BYTES // 4
    for axis in (1, 2):
        if SHARD % source.block[axis] == 0:
            rest = prod(lengths) // lengths[axis] * size
            fitting = (
                budget // 2 // rest // SHARD * SHARD
            )  # smaller regions, whose memory is reused
            lengths[axis] = min(lengths[axis], max(SHARD, fitting))
    z, y, x = lengths
    in_memory = prod(lengths) * size <= budget
    if not in_memory:
        _, y, x = source.shape
    piece = _piece(source, (z, y, x))
    cost = max(source.block_bytes, prod(piece) * size * 2)
    readers = max(1, min(threads, READ_BYTES // cost))
    return Plan(source.shape, (z, y, x), piece, in_memory, readers)


def _piece(source: Source, region: Triple) -> Triple:
    """Returns a multiple of a block, of some megabytes, grown along x, then y, then z."""
    lengths = [min(a, b) for a, b in zip(source.block, region, strict=True)]
    for axis in (2, 1, 0):
        others = prod(lengths) // lengths[axis] * source.dtype.itemsize
        count = max(1, PIECE_BYTES // (others * lengths[axis]))
        lengths[axis] = min(region[axis], lengths[axis] * count)
    z, y, x = lengths
    return (z, y, x)


def _boxes(within: tuple[slice, ...], edges: Triple) -> list[Box]:
    """Returns the boxes of a lattice with these edges from the origin, clipped."""
    ranges = [
        range(part.start // edge, ceil(part.stop / edge))
        for part, edge in zip(within, edges, strict=True)
    ]
    boxes: list[Box] = []
    for numbers in product(*ranges):
        z, y, x = (
            slice(max(part.start, n * edge), min(part.stop, (n + 1) * edge))
            for n, edge, part in zip(numbers, edges, within, strict=True)
        )
        boxes.append((z, y, x))
    return boxes
