"""Reads images of N5 containers, the format of most streaming copies of the Human Organ Atlas.

Source: https://github.com/saalfeldlab/n5, file-system specification: `dimensions` are in the order
x, y, z; the resolution is that of N5 viewers.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, cast

from portal_cli.curation.headers.image import (
    MAX_IMAGES,
    Header,
    Image,
    make_axes,
    micrometres,
)
from portal_cli.curation.headers.json_file import read_json

ATTRIBUTES = "attributes.json"
MAX_DEPTH = 3
NAMES = ("x", "y", "z", "t", "c")


def read_n5(folder: Path) -> Header:
    """Returns the arrays of a container. Raises ValueError if its metadata are not JSON."""
    return Header(tuple(islice(_images(folder, "", {}, MAX_DEPTH), MAX_IMAGES)))


def _images(folder: Path, part: str, outer: Mapping[str, Any], depth: int) -> Iterator[Image]:
    found = read_json(folder / ATTRIBUTES) or {}
    if (lengths := found.get("dimensions")) is not None:
        yield _image(found, outer, _lengths(lengths), part)
        return
    for below in sorted(folder.iterdir()) if depth and folder.is_dir() else ():
        if below.is_dir() and not below.is_symlink():
            inner = f"{part}/{below.name}".lstrip("/")
            yield from _images(below, inner, found or outer, depth - 1)


def _image(
    found: Mapping[str, Any], outer: Mapping[str, Any], lengths: list[int], part: str
) -> Image:
    """Returns an array; a coarser level has no resolution, which is that of the finest."""
    given = found.get("axes", outer.get("axes"))
    axes = cast("list[Any]", given) if isinstance(given, list) else []
    names = [str(name).lower() for name in axes] or ["x", "y", "z"][: len(lengths)]
    names = [name if name in NAMES else "" for name in names]
    factors = found.get("downsamplingFactors")
    is_finest = not isinstance(factors, list) or set(cast("list[Any]", factors)) == {1}
    steps = _steps(found) or _steps(outer) if is_finest else None
    return Image("N5", str(found.get("dataType", ""))[:40], make_axes(names, lengths, steps),
                 part=part)  # fmt: skip


def _steps(found: Mapping[str, Any]) -> list[float | None] | None:
    given: Any = found.get("pixelResolution", found.get("resolution"))
    unit: Any = found.get("units", found.get("unit"))
    if isinstance(given, dict):
        nested = cast("dict[str, Any]", given)
        given, unit = nested.get("dimensions"), nested.get("unit")
    if not isinstance(given, list):
        return None
    values = cast("list[Any]", given)
    each = cast("list[Any]", unit) if isinstance(unit, list) else [unit] * len(values)
    if len(each) != len(values):
        return None
    return [
        micrometres(value, one if isinstance(one, str) else None)
        for value, one in zip(values, each, strict=True)
    ]


def _lengths(given: object) -> list[int]:
    lengths = cast("list[Any]", given) if isinstance(given, list) else []
    if not lengths or not all(isinstance(n, int) and n >= 0 for n in lengths):
        raise ValueError("the dimensions of its array are not a list of lengths")
    return lengths
