"""Writes a coarser level from the one before it, shard by shard."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from portal_cli.pyramid.grid import CHUNK, SHARD, box_of, lengths_of, shard_numbers
from portal_cli.pyramid.means import halve
from portal_cli.pyramid.shards import LevelReader, shard_path, write_shard
from portal_cli.pyramid.source import Box, Triple, Voxels


@dataclass(frozen=True)
class CoarserLevel:
    finer: LevelReader
    array: Path
    shape: Triple

    def write(self, advance: Callable[[int], None], *, writers: int) -> None:
        """Writes the shards that are missing. Raises SourceFault, OSError."""
        with ThreadPoolExecutor(writers) as pool:
            futures = [pool.submit(self._write, n, advance) for n in shard_numbers(self.shape)]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _write(self, number: Triple, advance: Callable[[int], None]) -> None:
        path = shard_path(self.array, number)
        box = box_of(number, SHARD, self.shape)
        if not path.exists():
            write_shard(path, self._layers(box))
        advance(prod(lengths_of(box)) * self.finer.dtype.itemsize)

    def _layers(self, box: Box) -> Iterator[Voxels]:
        """Yields the layers of 64 voxels along z; they are made chunk by chunk."""
        z, y, x = box
        for start in range(z.start, z.stop, CHUNK):
            depth = min(CHUNK, z.stop - start)
            layer = np.empty((depth, *lengths_of(box)[1:]), self.finer.dtype)
            for row in range(y.start, y.stop, CHUNK):
                for column in range(x.start, x.stop, CHUNK):
                    found = halve(self.finer.read(self._finer_box((start, row, column))))
                    rows, columns = row - y.start, column - x.start
                    layer[:, rows : rows + CHUNK, columns : columns + CHUNK] = found
            yield layer

    def _finer_box(self, start: Triple) -> Box:
        z, y, x = (
            slice(2 * n, min(2 * (n + CHUNK), length))
            for n, length in zip(start, self.finer.shape, strict=True)
        )
        return (z, y, x)
