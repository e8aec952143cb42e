"""The metadata of an OME-Zarr 0.5 image: axes, levels and display window."""

from collections.abc import Mapping
from typing import Any

from portal_cli.pyramid.grid import Grid
from portal_cli.pyramid.window import Window


def group_metadata(
    name: str, grid: Grid, window: Window, *, about: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Returns the content of zarr.json of the image. `about` describes where it comes from."""
    return {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": {
            "ome": {
                "version": "0.5",
                "multiscales": [_multiscale(name, grid, about or {})],
                "omero": _omero(name, window),
            }
        },
    }


def _multiscale(name: str, grid: Grid, about: Mapping[str, Any]) -> dict[str, Any]:
    levels = [
        {
            "path": str(level),
            "coordinateTransformations": [
                {"type": "scale", "scale": list(grid.scale(level))},
                {"type": "translation", "translation": list(grid.translation(level))},
            ],
        }
        for level in range(grid.levels)
    ]
    return {
        "name": name,
        "axes": [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"],
        "datasets": levels,
        "type": "mean",
        "metadata": {"method": "mean of 2 x 2 x 2 voxels", **about},
    }


def _omero(name: str, window: Window) -> dict[str, Any]:
    shown = {"min": window.low, "max": window.high, "start": window.start, "end": window.end}
    channel = {"label": name, "active": True, "color": "FFFFFF", "window": shown}
    return {"channels": [channel], "rdefs": {"model": "greyscale"}}
