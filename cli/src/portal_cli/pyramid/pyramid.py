"""Makes a pyramid: the finest level from the source, the others from it, the metadata last."""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from math import prod
from pathlib import Path
from typing import Any, Protocol

from portal_cli.pyramid.coarser import CoarserLevel
from portal_cli.pyramid.finest import FinestLevel
from portal_cli.pyramid.grid import Grid, Lengths
from portal_cli.pyramid.metadata import group_metadata
from portal_cli.pyramid.plan import make_plan
from portal_cli.pyramid.shards import LevelReader, array_metadata
from portal_cli.pyramid.source import Source
from portal_cli.pyramid.state import Work, open_work, write_json
from portal_cli.pyramid.window import find_window

MAX_THREADS = 16


class Progress(Protocol):
    """Shows what is done."""

    def stage(self, name: str, total: int | None) -> Callable[[int], None]:
        """Begins a stage of `total` bytes; the answer is called with the bytes that are done."""
        ...


class NoProgress:
    def stage(self, name: str, total: int | None) -> Callable[[int], None]:  # noqa: ARG002
        return lambda _: None


@dataclass(frozen=True)
class Order:
    """What is to be made. `fingerprint` is equal only for an unchanged source."""

    target: Path  # NAME.ome.zarr
    name: str
    voxel_um: Lengths  # z, y, x
    fingerprint: str = ""
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])
    threads: int = field(default_factory=lambda: min(MAX_THREADS, os.cpu_count() or 1))


def make_pyramid(order: Order, source: Source, progress: Progress) -> None:
    """Writes the pyramid, or continues a run that was killed. The same source gives the same bytes.

    Raises SourceFaults or SourceFault for damaged files, PyramidLocked, OSError. What was made
    stays and is used by the next run.
    """
    plan = make_plan(source, order.threads)
    inputs = {
        "fingerprint": order.fingerprint,
        "shape": source.shape,
        "dtype": source.dtype.name,
        "voxel_um": order.voxel_um,
        "name": order.name,
    }
    shown = {name: value for name, value in asdict(plan).items() if name != "readers"}
    with open_work(order.target, inputs, shown, source.dtype) as work:
        FinestLevel(work.pyramid / "0", source, plan, work.scratch, writers=order.threads).write(
            progress.stage("level 0", prod(source.shape) * source.dtype.itemsize)
        )
        _write_others(work, order, source, progress)
        work.pyramid.rename(order.target)


def _write_others(work: Work, order: Order, source: Source, progress: Progress) -> None:
    grid, dtype = Grid(source.shape, order.voxel_um), source.dtype
    finer = finest = LevelReader(work.pyramid / "0", source.shape, dtype)
    for number in range(1, grid.levels):
        shape, array = grid.level_shape(number), work.pyramid / str(number)
        advance = progress.stage(f"level {number}", prod(shape) * dtype.itemsize)
        CoarserLevel(finer, array, shape).write(advance, writers=order.threads)
        finer = LevelReader(array, shape, dtype)
    for number in range(grid.levels):
        metadata = array_metadata(grid.level_shape(number), dtype)
        write_json(work.pyramid / str(number) / "zarr.json", metadata)
    group = group_metadata(order.name, grid, find_window(finest), about=order.about)
    write_json(work.pyramid / "zarr.json", group)
