"""Parses the metadata of an OME-Zarr volume (OME-NGFF 0.4 and 0.5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal_downloader.crops.box import AXES, Frame, Triple

DEFAULT_UNIT = "pixel"  # of an axis without a unit


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
        attributes: dict[str, Any] = metadata.get("attributes", metadata)
        return _levels(attributes.get("ome", attributes)["multiscales"][0])
    except InvalidVolume:
        raise
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise InvalidVolume(f"the metadata are not valid OME-NGFF: {error!r}"[:300]) from error


def _levels(image: Mapping[str, Any]) -> list[Level]:
    axes: list[dict[str, Any]] = image["axes"]
    names = tuple(str(a["name"]).lower() for a in axes)
    if not set(AXES) <= set(names) or len(set(names)) < len(names):
        raise InvalidVolume(f"the axes are {', '.join(names)}, not z, y and x")
    units = {str(a["name"]).lower(): str(a.get("unit") or DEFAULT_UNIT) for a in axes}
    common = _transform(image.get("coordinateTransformations", ()), names)
    found: list[Level] = []
    for dataset in image["datasets"]:
        scale, offset = _transform(dataset["coordinateTransformations"], names)
        frame = Frame(
            scale=_triple(s * c for s, c in zip(scale, common[0], strict=True)),
            offset=_triple(o * c + t for o, c, t in zip(offset, common[0], common[1], strict=True)),
            units=(units["z"], units["y"], units["x"]),
        )
        found.append(Level(_path(dataset["path"]), frame, names))
    if not found:
        raise InvalidVolume("the volume has no levels")
    return found


def _path(value: object) -> str:
    path = str(value).strip("/")
    if not path or {"", ".", ".."} & set(path.split("/")):
        raise InvalidVolume(f"{path[:80]!r} is not a valid path of a level")
    return path


def _transform(steps: Sequence[Mapping[str, Any]], names: Sequence[str]) -> tuple[Triple, Triple]:
    """Returns scale and translation of z, y, x."""
    scale: Triple = (1.0, 1.0, 1.0)
    offset: Triple = (0.0, 0.0, 0.0)
    for step in steps:
        if step["type"] == "scale":
            scale = _of_axes(step["scale"], names)
        elif step["type"] == "translation":
            offset = _of_axes(step["translation"], names)
        elif step["type"] != "identity":
            raise InvalidVolume(
                f"the coordinate transformation {str(step['type'])[:40]!r} is not supported"
            )
    return scale, offset


def _of_axes(values: Sequence[float], names: Sequence[str]) -> Triple:
    by_name = dict(zip(names, values, strict=True))
    return _triple(by_name[axis] for axis in AXES)


def _triple(values: Any) -> Triple:
    z, y, x = (float(v) for v in values)
    return z, y, x
