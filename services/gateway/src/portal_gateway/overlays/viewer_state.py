"""Builds the state of a viewer (Neuroglancer 2.41): volumes, matrices, boxes, position. Pure.

Neuroglancer counts positions from the outer corner of a voxel, but shifts an OME-Zarr by half a
voxel, so that positions in it are those of OME-NGFF: of the centres. Coefficients of a matrix are
ratios of lengths; its last column is in units of `outputDimensions`. `inputDimensions` would
replace the voxel size of the volume: a layer of an OME-Zarr, which has its own, is given none.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from portal_shared.registration import Matrix, Point, Volume, corners_in_target

from portal_gateway.overlays.overlay import Overlay, OverlayRegistration
from portal_gateway.overlays.placement import Placement

AXES = ("z", "y", "x")
METRE_UM = 1e-6
MAX_ZOOMS = 100  # layers that a viewer still shows
VIEW_PIXELS = 600  # a volume fits in a view of this size
OUTLINE_COLOURS = ("#ffb000", "#648fff", "#dc267f", "#785ef0", "#fe6100", "#2fb67c")
ZARR = "zarr"
IMAGE_KINDS = {"zarr.json": "zarr3", ".zattrs": "zarr2", "attributes.json": "n5"}
State = dict[str, Any]


def build_state(
    overlay: Overlay, placements: Mapping[str, Placement], sources: Mapping[str, str]
) -> State:
    """Returns the state for a volume. `sources` are addresses of image data by pid.

    An overview is shown with an outline for each zoom, and the zooms as hidden layers; a zoom is
    shown in its overview. A volume without image data has no image layer.
    """
    placed = [r for r in overlay.registrations if r.status == "registered"]
    own = next((r for r in placed if r.source == overlay.pid), None)
    shown = [own] if own else placed[:MAX_ZOOMS]
    base = placements[own.target if own and own.target else overlay.pid]
    volume = base.volume
    state: State = {"layers": [], "layout": "4panel", "showScaleBar": True, "showAxisLines": False}
    if volume is not None:
        state |= _view(volume, _focus(base, placements, own))
    if base.pid in sources:
        state["layers"].append(_image(base.pid, sources[base.pid], visible=True))
    for number, registration in enumerate(shown):
        zoom = placements[registration.source].volume
        if zoom is None or volume is None:
            continue
        placed_in = _placed_in(registration, zoom, volume)
        name = registration.source
        if name in sources:
            image = _image(name, sources[name], visible=registration is own)
            is_zarr = sources[name].startswith(ZARR)
            image["source"]["transform"] = {
                key: value
                for key, value in placed_in.items()
                if not (is_zarr and key == "inputDimensions")
            }
            state["layers"].append(image)
        colour = OUTLINE_COLOURS[number % len(OUTLINE_COLOURS)]
        state["layers"].append(_outline(name, zoom, placed_in, colour))
    return state


def _view(volume: Volume, focus: tuple[Point, float]) -> State:
    position, size = focus
    return {
        "dimensions": _dimensions(volume),
        "position": list(position),
        "crossSectionScale": size / VIEW_PIXELS,
        "projectionScale": size * 1.5,
    }


def _focus(
    base: Placement, placements: Mapping[str, Placement], own: OverlayRegistration | None
) -> tuple[Point, float]:
    """Returns the centre of what is shown, and its longest side, in voxels of the base."""
    volume = base.volume
    assert volume is not None  # noqa: S101 (the caller has checked it)
    zoom = placements[own.source] if own else None
    if zoom is None or zoom.volume is None or zoom.registration is None:
        return volume.centre, float(max(volume.shape))
    corners = corners_in_target(zoom.volume, zoom.registration)
    low, high = corners[0], corners[-1]
    z, y, x = ((a + b) / 2 for a, b in zip(low, high, strict=True))
    return (z, y, x), max(zoom.volume.shape) * zoom.registration.scale


def _dimensions(volume: Volume) -> State:
    return {axis: [volume.voxel_um * METRE_UM, "m"] for axis in AXES}


def _image(name: str, source: str, *, visible: bool) -> State:
    return {"type": "image", "name": name, "source": {"url": source}, "visible": visible}


def _placed_in(registration: OverlayRegistration, zoom: Volume, overview: Volume) -> State:
    matrix: Matrix | None = registration.matrix_um
    assert matrix is not None  # noqa: S101 (its status is registered)
    rows = [[*row[:3], row[3] / overview.voxel_um] for row in matrix]
    return {
        "matrix": rows,
        "inputDimensions": _dimensions(zoom),
        "outputDimensions": _dimensions(overview),
    }


def _outline(name: str, zoom: Volume, placed_in: State, colour: str) -> State:
    """Returns a layer with the box of a zoom, rotated as the zoom is."""
    box = {
        "type": "axis_aligned_bounding_box",
        "id": name,
        "description": name,
        "pointA": list(zoom.corners[0]),
        "pointB": list(zoom.corners[-1]),
    }
    return {
        "type": "annotation",
        "name": f"box of {name}",
        "source": {"url": "local://annotations", "transform": placed_in},
        "annotations": [box],
        "annotationColor": colour,
    }


def find_image_groups(files: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
    """Returns by pid the kind of the uppermost group of image data, and its folder.

    The kind is zarr3, zarr2 or n5, so that the viewer looks for no files of other versions.
    """
    best: dict[str, tuple[int, int, str]] = {}
    kinds = tuple(IMAGE_KINDS)
    for file in files:
        folder = file.get("path") or ""
        depth = folder.count("/") + 1 if folder else 0
        rank = (depth, kinds.index(file["name"]), folder)
        best[file["pid"]] = min(best.get(file["pid"], rank), rank)
    return {pid: (IMAGE_KINDS[kinds[r[1]]], r[2]) for pid, r in best.items()}


def link(viewer: str, state: State) -> str:
    """Returns the address of the viewer with the whole state in its fragment."""
    return f"{viewer}#!{quote(json.dumps(state, separators=(',', ':')), safe='/:@{}[]')}"
