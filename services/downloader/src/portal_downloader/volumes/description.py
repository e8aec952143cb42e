"""A volume with its levels as readers need them: positions in micrometres, planes, window."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from portal_shared import ngff

from portal_downloader.crops.box import AXES, Box, Shape
from portal_downloader.crops.grid import Grid
from portal_downloader.store.rows.file import FileRow
from portal_downloader.volumes.slice_request import InvalidSlice, SliceRequest, Window

if TYPE_CHECKING:
    from portal_downloader.crops.voxels import Voxels

EDGE = 0.5 + 1e-9  # half a voxel: a volume begins half a voxel before its first centre


@dataclass(frozen=True)
class WindowSource:
    """A display window, and where it comes from: metadata, type of the voxels, or computed."""

    window: Window
    source: Literal["metadata", "type", "computed"]


@dataclass(frozen=True)
class VolumeLevel:
    """A resolution level; `voxels` is None while its metadata are on tape."""

    number: int
    path: str  # of its array, below the volume
    folder: str  # location of its array, with a slash at the end
    grid: Grid | None  # None if the metadata give no scale, or no unit of length
    voxels: "Voxels | None"
    problem: str | None = None  # why its array cannot be read

    @property
    def shape(self) -> Shape | None:
        return self.voxels.shape if self.voxels else None


@dataclass(frozen=True)
class Description:
    """A volume of one version of a dataset."""

    pid: str
    version: str  # of its files and of the way in which slices are drawn
    name: str  # location of the volume, which may only contain it
    folder: str  # location of its metadata: empty, or with a slash at the end
    ngff_version: str | None
    units: tuple[str, str, str]  # of z, y, x, as the metadata name them
    levels: tuple[VolumeLevel, ...]  # from the finest to the coarsest
    window: Window | None  # of the metadata
    offline: tuple[FileRow, ...] = ()  # metadata files that are on tape
    computed: "list[WindowSource]" = field(default_factory=list[WindowSource])  # at most one

    @property
    def is_complete(self) -> bool:
        """Returns whether no metadata of a level are on tape."""
        return all(level.voxels or level.problem for level in self.levels)


@dataclass(frozen=True)
class Plane:
    """One plane of a level."""

    level: VolumeLevel
    axis: int  # 0: z, 1: y, 2: x
    index: int

    @property
    def voxels(self) -> "Voxels":
        assert self.level.voxels is not None  # noqa: S101  # planes are made of readable levels
        return self.level.voxels

    @property
    def box(self) -> Box:
        """Returns the voxels of the plane alone."""
        return self._cut(self.index, self.index + 1)

    @property
    def slab(self) -> Box:
        """Returns the row of chunks that the plane lies in."""
        depth, size = self.voxels.chunk[self.axis], self.voxels.shape[self.axis]
        start = self.index // depth * depth
        return self._cut(start, min(start + depth, size))

    @property
    def sides(self) -> tuple[int, int]:
        """Returns the rows and columns of its picture."""
        rows, columns = (n for axis, n in enumerate(self.voxels.shape) if axis != self.axis)
        return rows, columns

    @property
    def pixel_um(self) -> tuple[float, float] | None:
        """Returns height and width of a pixel."""
        grid = self.level.grid
        if grid is None:
            return None
        height, width = (v for axis, v in enumerate(grid.voxel) if axis != self.axis)
        return height, width

    @property
    def position_um(self) -> float | None:
        grid = self.level.grid
        return grid and grid.offset[self.axis] + self.index * grid.voxel[self.axis]

    def _cut(self, start: int, stop: int) -> Box:
        low = [0, 0, 0]
        high = list(self.voxels.shape)
        low[self.axis], high[self.axis] = start, stop
        return Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))


def metadata_window(metadata: Mapping[str, Any]) -> Window | None:
    """Returns the display window of `omero`; None if there is none that can be used."""
    try:
        found: Any = ngff.attributes(metadata)["omero"]["channels"][0]["window"]
        low, high = found["start"], found["end"]
    except (ngff.InvalidNgff, LookupError, TypeError):
        return None
    for value in (low, high):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
    try:
        window = Window(float(low), float(high))
    except OverflowError:
        return None
    usable = math.isfinite(window.high - window.low) and window.low < window.high
    return window if usable else None


def ngff_version(metadata: Mapping[str, Any]) -> str | None:
    """Returns the version of OME-NGFF that the metadata name."""
    try:
        found = ngff.attributes(metadata)
        version = found.get("version") or found["multiscales"][0].get("version")
    except (ngff.InvalidNgff, LookupError, TypeError, AttributeError):
        return None
    return version[:20] if isinstance(version, str) else None


def find_plane(description: Description, level: VolumeLevel, request: SliceRequest) -> Plane:
    """Returns the plane of a level that the request describes. Raises InvalidSlice.

    An index counts planes of `request.level`, or of level 0 if no level is given; the plane of
    another level is that whose centre is nearest.
    """
    axis = AXES.index(request.axis)
    size = _shape(level)[axis]
    if request.um is not None:
        return Plane(level, axis, _index_at(description, level, axis, request.um))
    if request.index is None:
        return Plane(level, axis, size // 2)
    reference = level if request.level is not None else description.levels[0]
    planes = reference.shape[axis] if reference.shape else None
    if planes is not None and request.index >= planes:
        name = f"level {reference.number}"
        reason = f"{name} has the planes 0 to {planes - 1} along {request.axis}"
        raise InvalidSlice(reason, field="index")
    if reference is level:
        return Plane(level, axis, request.index)
    return Plane(level, axis, _same_place(reference, level, axis, request.index))


def middle_plane(level: VolumeLevel) -> Plane:
    """Returns the plane in the middle of a level along z."""
    return Plane(level, 0, _shape(level)[0] // 2)


def _same_place(reference: VolumeLevel, level: VolumeLevel, axis: int, index: int) -> int:
    """Returns the index of the plane of a level at the place of another level's plane."""
    size = _shape(level)[axis]
    if reference.grid and level.grid:
        position = reference.grid.offset[axis] + index * reference.grid.voxel[axis]
        found = round((position - level.grid.offset[axis]) / level.grid.voxel[axis])
    elif reference.shape:
        found = int((index + 0.5) * size / reference.shape[axis])
    else:
        raise InvalidSlice("give the level whose planes it counts", field="index")
    return min(max(found, 0), size - 1)


def _index_at(description: Description, level: VolumeLevel, axis: int, um: float) -> int:
    """Returns the index of the plane at a position. Raises InvalidSlice outside the volume."""
    if level.grid is None:
        raise InvalidSlice("the volume has no physical scale: use an index", field="um")
    place = (um - level.grid.offset[axis]) / level.grid.voxel[axis]
    size = _shape(level)[axis]
    low, high = extent_um(description.levels, axis) or (um, um)
    inside = -EDGE <= place <= size - 1 + EDGE
    if not inside and not low <= um <= high:
        raise InvalidSlice(
            f"the volume extends from {low:.12g} to {high:.12g} um along {AXES[axis]}", field="um"
        )
    return min(max(math.floor(place + 0.5), 0), size - 1)


def extent_um(levels: Sequence[VolumeLevel], axis: int) -> tuple[float, float] | None:
    """Returns where the finest readable level begins and ends along an axis."""
    for level in levels:
        if level.grid and level.shape:
            start = level.grid.offset[axis] - level.grid.voxel[axis] / 2
            return start, start + level.shape[axis] * level.grid.voxel[axis]
    return None


def _shape(level: VolumeLevel) -> Shape:
    assert level.shape is not None  # noqa: S101  # only of levels whose metadata were read
    return level.shape
