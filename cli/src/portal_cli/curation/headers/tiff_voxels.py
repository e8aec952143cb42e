"""Voxel sizes in the metadata of a TIFF: those of OME-XML, and the keys of ImageJ."""

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from portal_cli.curation.headers.image import micrometres

Steps: TypeAlias = dict[str, float | None]  # micrometres, by the name of the axis
ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")  # ImageJ writes \u00B5m


def ome_steps(pixels: Any) -> Steps:
    """Returns the steps of an OME Pixels element; the default unit is the micrometre."""
    return {
        axis.lower(): micrometres(
            pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "um")
        )
        for axis in "XYZ"
    }


def imagej_steps(found: Mapping[str, Any], x_density: float, y_density: float) -> Steps:
    """Returns the steps by the keys `unit`, `yunit`, `zunit` and `spacing` of ImageJ.

    Densities are in pixels per unit; 0 if they are not known.
    """
    unit = _unit(found.get("unit"))
    y_unit, z_unit = _unit(found.get("yunit")) or unit, _unit(found.get("zunit")) or unit
    steps = {
        "x": micrometres(1 / x_density, unit) if x_density else None,
        "y": micrometres(1 / y_density, y_unit) if y_density else None,
        "z": micrometres(found.get("spacing"), z_unit),
    }
    return steps if any(steps.values()) else {}


def _unit(given: object) -> str | None:
    if not isinstance(given, str):
        return None
    return ESCAPE.sub(lambda match: chr(int(match[1], 16)), given.strip()).strip('"') or None
