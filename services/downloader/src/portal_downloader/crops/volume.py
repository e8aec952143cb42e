"""Finds the levels of an OME-Zarr volume that can be cropped: those with the axes z, y and x."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal_shared import ngff

from portal_downloader.crops.box import AXES, Frame, Triple

DEFAULT_UNIT = "pixel"  # of an axis without a unit or without a scale
NO_SCALE: Triple = (1.0, 1.0, 1.0)
NO_OFFSET: Triple = (0.0, 0.0, 0.0)


class InvalidVolume(ValueError):
    """The metadata do not describe a volume that can be cropped."""


@dataclass(frozen=True)
class Level:
    """A resolution level."""

    path: str  # of its array, below the group
    frame: Frame
    axes: tuple[str, ...]  # of its array, in order


def levels(metadata: Mapping[str, Any]) -> list[Level]:
    """Returns the levels from the finest to the coarsest, of zarr.json or .zattrs.

    Raises InvalidVolume.
    """
    try:
        found = ngff.multiscales(ngff.attributes(metadata))
    except ngff.InvalidNgff as error:
        raise InvalidVolume(f"the metadata are not valid OME-NGFF: {error}"[:300]) from error
    if not found:
        raise InvalidVolume("its metadata describe no image of OME-NGFF ('multiscales' is missing)")
    image = found[0]
    axes = image.axes or image.axes_of(len(image.levels[0].scale or ngff.LEGACY_AXES))
    names = tuple(axis.name for axis in axes)
    if not set(AXES) <= set(names):
        raise InvalidVolume(f"the axes are {', '.join(names) or 'not given'}, not z, y and x")
    return [Level(level.path, _frame(level, axes), names) for level in image.levels]


def is_container(metadata: Mapping[str, Any]) -> bool:
    """Returns whether the group only contains images, the first of them named 0."""
    try:
        return ngff.is_container(ngff.attributes(metadata))
    except ngff.InvalidNgff:
        return False


def _frame(level: ngff.Level, axes: Sequence[ngff.Axis]) -> Frame:
    if level.unsupported is not None:
        raise InvalidVolume(f"the coordinate transformation {level.unsupported!r} is not supported")
    if level.scale is None or level.translation is None:
        return Frame(NO_SCALE, NO_OFFSET, (DEFAULT_UNIT, DEFAULT_UNIT, DEFAULT_UNIT))
    names = [axis.name for axis in axes]
    units = {axis.name: axis.unit or DEFAULT_UNIT for axis in axes}
    return Frame(
        scale=_of_axes(level.scale, names),
        offset=_of_axes(level.translation, names),
        units=(units["z"], units["y"], units["x"]),
    )


def _of_axes(values: Sequence[float], names: Sequence[str]) -> Triple:
    if len(values) != len(names):
        raise InvalidVolume(f"a transformation has {len(values)} values for {len(names)} axes")
    z, y, x = (values[names.index(axis)] for axis in AXES)
    return z, y, x
