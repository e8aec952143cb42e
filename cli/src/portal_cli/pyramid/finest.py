"""Writes the finest level: reads the source region by region, while the one before is written."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from math import prod
from pathlib import Path

from portal_cli.pyramid.grid import lengths_of
from portal_cli.pyramid.plan import Plan
from portal_cli.pyramid.shards import shard_path, write_shard
from portal_cli.pyramid.slab import MemorySlab, ScratchSlab, Slab, SlabMemory, shards_of
from portal_cli.pyramid.source import Box, Source, SourceFault, SourceFaults

Advance = Callable[[int], None]  # called with the bytes of voxels that are done
MAX_FAULTS = 20


class FinestLevel:
    """Writes the shards of `array` that are missing. `scratch` is a folder for this."""

    def __init__(
        self, array: Path, source: Source, plan: Plan, scratch: Path, *, writers: int
    ) -> None:
        self._array = array
        self._source = source
        self._plan = plan
        self._scratch = scratch
        self._memory = SlabMemory(source.dtype)
        self._readers = ThreadPoolExecutor(plan.readers)
        self._writers = ThreadPoolExecutor(writers)

    def write(self, advance: Advance) -> None:
        """Raises SourceFaults for damaged files, OSError if something cannot be written."""
        pending: _Region | None = None
        try:
            for number, box in enumerate(self._plan.regions()):
                region = _Region(self, number, box)
                if region.is_written():
                    advance(region.bytes)
                    continue
                region.read(advance)
                if pending:
                    pending.finish()
                pending = region
                region.write()
            if pending:
                pending.finish()
        finally:
            self._readers.shutdown(cancel_futures=True)
            self._writers.shutdown(cancel_futures=True)

    def path(self, number: tuple[int, int, int]) -> Path:
        return shard_path(self._array, number)

    def slab(self, number: int, box: Box, pieces: int) -> Slab:
        shape, dtype = self._source.shape, self._source.dtype
        if self._plan.in_memory:
            return MemorySlab(box, shape, self._memory)
        return ScratchSlab(self._scratch / f"region-{number}", box, shape, dtype, pieces)

    def pieces(self, box: Box) -> list[Box]:
        return self._plan.pieces(box)

    def itemsize(self) -> int:
        return self._source.dtype.itemsize

    def read_into(self, slab: Slab, pieces: Sequence[Box], advance: Advance) -> None:
        """Reads what is not stored yet; all pieces are tried, so that all damage is known."""

        def read(number: int, piece: Box) -> None:
            if not (isinstance(slab, ScratchSlab) and slab.is_stored(number)):
                slab.store(piece, self._source.read(piece))
                if isinstance(slab, ScratchSlab):
                    slab.mark_stored(number)
            advance(prod(lengths_of(piece)) * self.itemsize())

        _raise_first([self._readers.submit(read, n, piece) for n, piece in enumerate(pieces)])

    def submit(self, slab: Slab, number: tuple[int, int, int]) -> Future[None]:
        return self._writers.submit(write_shard, self.path(number), slab.layers(number))


class _Region:
    def __init__(self, level: FinestLevel, number: int, box: Box) -> None:
        self._level = level
        self._number = number
        self._box = box
        self._shards = shards_of(box)
        self._slab: Slab | None = None
        self._futures: list[Future[None]] = []
        self.bytes = prod(lengths_of(box)) * level.itemsize()

    def is_written(self) -> bool:
        return all(self._level.path(number).exists() for number in self._shards)

    def read(self, advance: Advance) -> None:
        pieces = self._level.pieces(self._box)
        self._slab = self._level.slab(self._number, self._box, len(pieces))
        self._level.read_into(self._slab, pieces, advance)

    def write(self) -> None:
        slab, level = self._slab, self._level
        if slab is not None:
            missing = [n for n in self._shards if not level.path(n).exists()]
            self._futures = [level.submit(slab, number) for number in missing]

    def finish(self) -> None:
        """Waits until all shards are written, and frees the slab."""
        _raise_first(self._futures)
        if self._slab is not None:
            self._slab.remove()
        self._slab, self._futures = None, []


def _raise_first(futures: Sequence[Future[None]]) -> None:
    """Waits for all; raises SourceFaults with the damaged files, or the first other error."""
    faults: dict[str, SourceFault] = {}
    for future in futures:
        try:
            future.result()
        except SourceFault as fault:
            faults.setdefault(fault.location, fault)
        except SourceFaults as several:
            for fault in several.faults:
                faults.setdefault(fault.location, fault)
        except BaseException:
            for other in futures:
                other.cancel()
            raise
    if faults:
        raise SourceFaults(list(faults.values())[:MAX_FAULTS])
