"""The display window: the 0.5 and 99.5 percentile of the voxels that are measured.

Voxels of exactly 0 are left out (the corners of a cylinder scan are empty), and those that are not
finite. Of a large volume, chunks on a regular lattice are read.
"""

from dataclasses import dataclass
from itertools import product
from math import ceil, prod

import numpy as np

from portal_cli.pyramid.grid import CHUNK, box_of
from portal_cli.pyramid.shards import LevelReader
from portal_cli.pyramid.source import Triple, Voxels

PERCENTILES = (0.5, 99.5)
MAX_BYTES = 128 << 20  # of the voxels that are read


@dataclass(frozen=True)
class Window:
    """`low` to `high` are possible values, `start` to `end` are shown from black to white."""

    low: float
    high: float
    start: float
    end: float


def find_window(level: LevelReader) -> Window:
    """Returns the window of the finest level. Raises SourceFault if a shard is damaged."""
    values = _measured(level)
    if not values.size:
        values = np.zeros(1, level.dtype)
    low, high = float(values.min()), float(values.max())
    start, end = (float(n) for n in np.percentile(values, PERCENTILES, overwrite_input=True))
    if start >= end:
        end = start + 1
    if level.dtype.kind == "f":
        return Window(low, max(high, end), start, end)
    info = np.iinfo(level.dtype)
    return Window(int(info.min), int(info.max), round(start), max(round(end), round(start) + 1))


def _measured(level: LevelReader) -> Voxels:
    numbers = _sampled(level.shape, MAX_BYTES // (CHUNK**3 * level.dtype.itemsize))
    found, count = np.empty(len(numbers) * CHUNK**3, level.dtype), 0
    for number in numbers:
        values = level.read(box_of(number, CHUNK, level.shape)).ravel()
        keep = values != 0
        if level.dtype.kind == "f":
            keep &= np.isfinite(values)
        valid = values[keep]
        found[count : count + valid.size] = valid
        count += valid.size
    return found[:count]


def _sampled(shape: Triple, most: int) -> list[Triple]:
    """Returns the numbers of at most `most` chunks, evenly spread."""
    counts = [ceil(length / CHUNK) for length in shape]
    step = 1
    while prod(ceil(count / step) for count in counts) > most:
        step += 1
    z, y, x = (range((count - 1) % step // 2, count, step) for count in counts)
    return list(product(z, y, x))
