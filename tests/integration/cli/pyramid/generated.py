"""A child process that makes a pyramid of a generated volume, and prints its peak memory.

Arguments: the folder, the lengths z y x, and the block of the source (slice or cube).
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from portal_cli.pyramid.pyramid import NoProgress, Order, make_pyramid

SLICE, CUBE = "slice", "cube"
ROWS = 512


class GeneratedSource:
    """A volume that is computed where it is read, so that it takes no memory."""

    def __init__(self, shape: tuple[int, int, int], block: str) -> None:
        self.shape = shape
        self.dtype = np.dtype(np.uint16)
        self.block = (1, *shape[1:]) if block == SLICE else (64, 64, 64)
        self.block_bytes = int(np.prod(self.block)) * 4

    def read(self, box: tuple[slice, slice, slice]) -> Any:
        """Returns voxels that are 0 except on every 512th row, so that most chunks cost little."""
        found = np.zeros([part.stop - part.start for part in box], self.dtype)
        z, y, x = (np.arange(part.start, part.stop, dtype=np.uint16) for part in box)
        found[:, -y[0] % ROWS :: ROWS] = (z[:, None, None] * 7 + x) | np.uint16(1)
        return found

    def close(self) -> None:
        """Nothing is open."""


def main(folder: str, z: str, y: str, x: str, block: str) -> None:
    source = GeneratedSource((int(z), int(y), int(x)), block)
    order = Order(Path(folder) / "volume.ome.zarr", "volume", (1.0, 1.0, 1.0), threads=2)
    make_pyramid(order, source, NoProgress())
    print(peak_memory())  # noqa: T201


def peak_memory() -> int:
    """Returns KiB of this process alone: `ru_maxrss` may be that of the process that began it."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))


if __name__ == "__main__":
    main(*sys.argv[1:])
