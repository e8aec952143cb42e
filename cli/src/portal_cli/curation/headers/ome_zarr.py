"""Reads images of OME-Zarr, of zarr groups without OME-NGFF and of single zarr arrays.

Only JSON is read (zarr formats 2 and 3), so that codecs need not be installed.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, cast

from portal_shared import ngff

from portal_cli.curation.headers.image import (
    MAX_IMAGES,
    Axis,
    Header,
    Image,
    make_axes,
    micrometres,
)
from portal_cli.curation.headers.json_file import read_json

MAX_DEPTH = 3  # of groups without OME-NGFF
NODE_FILES = ("zarr.json", ".zarray", ".zgroup", ".zattrs")
Json = Mapping[str, Any]


def read_zarr(folder: Path) -> Header:
    """Returns the images of a zarr group or array. Raises ValueError if it has no metadata."""
    images = tuple(islice(_images(folder, "", MAX_DEPTH), MAX_IMAGES))
    if not images and not any((folder / name).is_file() for name in NODE_FILES):
        raise ValueError("it has no zarr metadata (zarr.json, .zgroup or .zarray)")
    return Header(images)


def _images(folder: Path, part: str, depth: int) -> Iterator[Image]:
    node, attributes = _read_node(folder)
    if node is not None and "shape" in node:
        yield _array_image(node, attributes, part)
        return
    found = ngff.attributes({"zarr_format": 3, "attributes": attributes})
    images = ngff.multiscales(found)
    for number, image in enumerate(images):
        inner = f"{part}[{number}]" if len(images) > 1 else part
        yield _multiscale_image(folder, image, inner)
    if not images and depth and "plate" not in found:
        names = _series(folder) if ngff.is_container(found) else None
        for below in _children(folder, names):
            yield from _images(below, f"{part}/{below.name}".lstrip("/"), depth - 1)


def _multiscale_image(folder: Path, image: ngff.Multiscale, part: str) -> Image:
    """Returns the finest level. Raises ValueError if the array of a level is missing."""
    nodes = [_level_node(folder, level.path) for level in image.levels]
    shape, level = _shape(nodes[0]), image.levels[0]
    axes = image.axes_of(len(shape))
    scale = level.scale or [0.0] * len(shape)
    if not axes:
        names = _names(nodes[0], {}, len(shape))
        return Image("OME-Zarr", _dtype(nodes[0]), make_axes(names, shape), len(nodes), part)
    if len(scale) != len(shape):
        raise ValueError(f"a scale has {len(scale)} values for {len(shape)} axes")
    found = tuple(
        Axis(_axis_name(axis), length, micrometres(step, axis.unit))
        for axis, length, step in zip(axes, shape, scale, strict=True)
    )
    return Image("OME-Zarr", _dtype(nodes[0]), found, len(nodes), part)


def _axis_name(axis: ngff.Axis) -> str:
    """Returns the name if it is one of OME-NGFF; "" for another axis of space."""
    if axis.name in ("x", "y", "z", "t", "c"):
        return axis.name
    return axis.kind and {"space": "", "time": "t", "channel": "c"}.get(axis.kind, axis.name)


def _level_node(folder: Path, path: str) -> Json:
    node, _ = _read_node(folder / path)
    if node is None or "shape" not in node:
        raise ValueError(f"its level {path!r} is missing: there is no array in this folder")
    return node


def _array_image(node: Json, attributes: Json, part: str) -> Image:
    shape = _shape(node)
    return Image("zarr", _dtype(node), make_axes(_names(node, attributes, len(shape)), shape),
                 part=part)  # fmt: skip


def _names(node: Json, attributes: Json, dimensions: int) -> list[str]:
    """Returns x, y, z, t and c of the names of dimensions (zarr 3, or as xarray writes them)."""
    given = node.get("dimension_names") or attributes.get("_ARRAY_DIMENSIONS")
    names = cast("list[Any]", given) if isinstance(given, list) else []
    if len(names) != dimensions:
        return [""] * dimensions
    lowered = [name.lower() if isinstance(name, str) else "" for name in names]
    return [name if name in ("x", "y", "z", "t", "c") else "" for name in lowered]


def _shape(node: Json) -> list[int]:
    shape = node["shape"]
    if not isinstance(shape, list) or not all(
        isinstance(n, int) and n >= 0 for n in cast("list[Any]", shape)
    ):
        raise ValueError("the shape of its array is not a list of lengths")
    return cast("list[int]", shape)


def _dtype(node: Json) -> str:
    return str(node.get("data_type", node.get("dtype", "")))[:40]


def _series(folder: Path) -> list[str] | None:
    """Returns the images that the group OME of bioformats2raw lists; None if it lists none."""
    _, attributes = _read_node(folder / "OME")
    found = ngff.attributes({"zarr_format": 3, "attributes": attributes}).get("series")
    if not isinstance(found, list):
        return None
    return [name for name in cast("list[Any]", found) if isinstance(name, str)]


def _children(folder: Path, names: list[str] | None) -> list[Path]:
    """Returns the groups and arrays directly below; only those of these `names`, if there are."""
    if not folder.is_dir():
        return []
    below = {
        path.name: path
        for path in sorted(folder.iterdir(), key=lambda p: (len(p.name), p.name))
        if path.is_dir() and not path.is_symlink() and path.name not in ("OME", "labels")
        and any((path / name).is_file() for name in NODE_FILES)
    }  # fmt: skip
    listed = [below[name] for name in names or () if name in below]
    return listed or list(below.values())


def _read_node(folder: Path) -> tuple[Json | None, Json]:
    """Returns the metadata of a group or array, and its attributes; None if there are none."""
    if (node := read_json(folder / "zarr.json")) is not None:
        attributes = node.get("attributes", {})
        return node, cast("Json", attributes) if isinstance(attributes, dict) else {}
    attributes = read_json(folder / ".zattrs") or {}
    node = read_json(folder / ".zarray") or read_json(folder / ".zgroup")
    return node if node is not None or not attributes else {}, attributes
