"""Parses the metadata of OME-NGFF images: axes, units, levels and the size of their voxels.

Sources: OME-NGFF 0.1 to 0.5 (https://ngff.openmicroscopy.org), sections `multiscales`, `axes`,
`coordinateTransformations` and `bioformats2raw.layout`. Reads JSON only and opens no array.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

GROUP_FILES = ("zarr.json", ".zattrs", ".zgroup")  # metadata of a group, of either zarr format
ARRAY_FILES = ("zarr.json", ".zarray", ".zattrs")
LAYOUT = "bioformats2raw.layout"
LEGACY_AXES = (("t", "time"), ("c", "channel"), ("z", "space"), ("y", "space"), ("x", "space"))
MAX_STEPS = 100  # transformations of one level


class InvalidNgff(ValueError):
    """The metadata contradict OME-NGFF."""


@dataclass(frozen=True)
class Axis:
    name: str  # in lower case
    kind: str  # space, time, channel; "" if the metadata do not give it
    unit: str | None  # as it is written; None if it is not given


@dataclass(frozen=True)
class Level:
    """A resolution level. Index n of axis a is at `translation[a] + n * scale[a]` in its unit."""

    path: str  # of its array, below the group
    scale: tuple[float, ...] | None  # for each axis; None if the metadata do not give it
    translation: tuple[float, ...] | None
    unsupported: str | None = None  # the first transformation that is neither scale nor translation


@dataclass(frozen=True)
class Multiscale:
    """An image with its levels, from the finest to the coarsest."""

    axes: tuple[Axis, ...]  # empty if the metadata do not give them (OME-NGFF 0.1 and 0.2)
    levels: tuple[Level, ...]

    def axes_of(self, dimensions: int) -> tuple[Axis, ...]:
        """Returns an axis for each dimension of the arrays; empty if they are not known.

        Raises InvalidNgff if the metadata give another number of axes.
        """
        if not self.axes:
            legacy = tuple(Axis(name, kind, None) for name, kind in LEGACY_AXES)
            return legacy if dimensions == len(legacy) else ()
        if len(self.axes) != dimensions:
            raise InvalidNgff(f"{len(self.axes)} axes for an array of {dimensions} dimensions")
        return self.axes


def attributes(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the OME-NGFF attributes in the content of zarr.json or .zattrs."""
    given = metadata.get("attributes") if metadata.get("zarr_format") == 3 else metadata  # noqa: PLR2004
    outer = _mapping(given or {}, "attributes")
    return _mapping(outer.get("ome", outer), "ome")


def is_container(found: Mapping[str, Any]) -> bool:
    """Returns whether the group only contains images: those named 0, 1, 2 ... below it."""
    return LAYOUT in found and not found.get("multiscales")


def multiscales(found: Mapping[str, Any]) -> list[Multiscale]:
    """Returns the images that the attributes of a group describe. Raises InvalidNgff."""
    images = _list(found.get("multiscales", []), "multiscales")
    return [_multiscale(_mapping(image, "multiscales")) for image in images]


def _multiscale(image: Mapping[str, Any]) -> Multiscale:
    axes = _axes(image)
    common = _list(image.get("coordinateTransformations") or [], "coordinateTransformations")
    rows = [_mapping(row, "datasets") for row in _list(image.get("datasets"), "datasets")]
    levels = tuple(_level(row, common, len(axes)) for row in rows)
    if not levels:
        raise InvalidNgff("the image has no levels: 'datasets' is empty")
    return Multiscale(axes, levels)


def _axes(image: Mapping[str, Any]) -> tuple[Axis, ...]:
    """Returns the axes; a name alone is that of OME-NGFF 0.3, a coordinate system that of 0.6."""
    given = image.get("axes")
    if not given and (systems := image.get("coordinateSystems")):
        given = _mapping(_list(systems, "coordinateSystems")[0], "coordinateSystems").get("axes")
    axes = tuple(_axis(axis) for axis in _list(given or [], "axes"))
    if len({axis.name for axis in axes}) < len(axes):
        raise InvalidNgff(f"the names of its axes repeat: {', '.join(a.name for a in axes)}")
    return axes


def _axis(given: object) -> Axis:
    row = {"name": given} if isinstance(given, str) else _mapping(given, "axes")
    name, unit = row.get("name"), row.get("unit")
    if not isinstance(name, str):
        raise InvalidNgff("an axis has no name")
    legacy = dict(LEGACY_AXES)
    kind = str(row.get("type") or legacy.get(name.lower(), ""))
    return Axis(name.lower(), kind, unit.strip() or None if isinstance(unit, str) else None)


def _level(row: Mapping[str, Any], common: Sequence[Any], dimensions: int) -> Level:
    own = _list(row.get("coordinateTransformations") or [], "coordinateTransformations")
    steps = list(_flat([*own, *common]))
    unsupported = next((s for s in steps if not _is_supported(s)), None)
    if unsupported is not None:
        return Level(_path(row.get("path")), None, None, str(unsupported.get("type"))[:40])
    if not any(step["type"] == "scale" for step in steps):
        return Level(_path(row.get("path")), None, None)
    return Level(_path(row.get("path")), *_compose(steps, dimensions))


def _flat(steps: Sequence[Any]) -> Iterable[Mapping[str, Any]]:
    """Yields the steps with those inside a sequence."""
    waiting = list(steps)
    for _ in range(MAX_STEPS):
        if not waiting:
            return
        step = _mapping(waiting.pop(0), "coordinateTransformations")
        inner = step.get("transformations") if step.get("type") == "sequence" else None
        if inner is None:
            yield step
        else:
            waiting = [*_list(inner, "transformations"), *waiting]
    raise InvalidNgff(f"a level has more than {MAX_STEPS} coordinate transformations")


def _is_supported(step: Mapping[str, Any]) -> bool:
    kind = step.get("type")
    return kind == "identity" or (kind in ("scale", "translation") and kind in step)


def _compose(
    steps: Sequence[Mapping[str, Any]], dimensions: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns scale and translation of all steps, which are applied one after the other."""
    scale: list[float] = []
    offset: list[float] = []
    for step in steps:
        if step["type"] == "identity":
            continue
        values = _numbers(step[step["type"]], dimensions or len(scale))
        scale, offset = scale or [1.0] * len(values), offset or [0.0] * len(values)
        if step["type"] == "scale":
            scale = [a * b for a, b in zip(scale, values, strict=True)]
            offset = [a * b for a, b in zip(offset, values, strict=True)]
        else:
            offset = [a + b for a, b in zip(offset, values, strict=True)]
    return tuple(scale), tuple(offset)


def _numbers(given: object, dimensions: int) -> list[float]:
    values = _list(given, "coordinateTransformations")
    if dimensions and len(values) != dimensions:
        raise InvalidNgff(f"a transformation has {len(values)} values for {dimensions} axes")
    for value in values:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise InvalidNgff(f"a transformation has the value {str(value)[:40]!r}, not a number")
    return [float(value) for value in values]


def _path(given: object) -> str:
    path = given.strip("/") if isinstance(given, str) else ""
    if {"", ".", ".."} & set(path.split("/")) or "\\" in path:
        raise InvalidNgff(f"{str(given)[:80]!r} is not the path of a level below its group")
    return path


def _mapping(given: object, name: str) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise InvalidNgff(f"{name!r} is not a JSON object")
    return cast("Mapping[str, Any]", given)


def _list(given: object, name: str) -> list[Any]:
    if not isinstance(given, list):
        raise InvalidNgff(f"{name!r} is not a list")
    return cast("list[Any]", given)
