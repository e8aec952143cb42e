"""What the viewer and other programs get: matrices, boxes, positions, links."""

import io
import json
from typing import Any
from urllib.parse import unquote

import nrrd
import numpy as np
import pytest
import SimpleITK
from portal_gateway.overlays import transform_files, viewer_state
from portal_gateway.overlays.overlay import Overlay, describe_registration
from portal_gateway.overlays.placement import Placement, read_placement
from portal_shared.registration import inverse, transform

OVERVIEW = {"data": {"shape": [400, 300, 200], "voxel_size_um": 20.0}, "dataset_type": "overview"}
ZOOM: dict[str, Any] = {
    "data": {"shape": [70, 60, 50], "voxel_size_um": 5.1},
    "dataset_type": "zoom",
    "registration": {
        "source_dataset": "zoom", "target_dataset": "overview",
        "translation": [100.5, 90.25, 80.0], "rotation": 30.0, "scale": 0.25,
    },
}  # fmt: skip


ZOOM_DIMENSIONS = {axis: [pytest.approx(5.1e-6), "m"] for axis in "zyx"}


def placement(pid: str, details: dict[str, Any]) -> Placement:
    return read_placement({"_id": pid, "record": {"details": details}})


PLACEMENTS = {"overview": placement("overview", OVERVIEW), "zoom": placement("zoom", ZOOM)}
FOUND = describe_registration(PLACEMENTS["zoom"], PLACEMENTS["overview"])
SOURCES = {pid: f"zarr3://https://portal.org/data/{pid}/volume.ome.zarr/" for pid in PLACEMENTS}


def build(pid: str, sources: dict[str, str] = SOURCES) -> dict[str, Any]:
    overlay = Overlay(pid=pid, registrations=[FOUND], overlapping=[])
    return viewer_state.build_state(overlay, PLACEMENTS, sources)


def layer(state: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in state["layers"] if one["name"] == name)


def test_the_matrix_of_a_layer_puts_a_landmark_where_the_registration_does() -> None:
    """Neuroglancer multiplies lengths and adds the shift in units of the output dimensions."""
    placed = layer(build("overview"), "box of zoom")["source"]["transform"]
    landmark = (7.0, 8.0, 9.0)  # centre of a voxel of the zoom
    metres = np.array(landmark) * [placed["inputDimensions"][axis][0] for axis in "zyx"]
    unit = np.array([placed["outputDimensions"][axis][0] for axis in "zyx"])
    matrix = np.array(placed["matrix"])
    found = (matrix[:, :3] @ metres + matrix[:, 3] * unit) / unit
    assert FOUND.matrix_voxel is not None
    assert np.allclose(found, transform(FOUND.matrix_voxel, landmark), rtol=0, atol=1e-9)


def test_the_box_of_a_zoom_reaches_to_the_outer_corners_of_its_voxels() -> None:
    outline = layer(build("overview"), "box of zoom")
    box = outline["annotations"][0]
    assert (box["pointA"], box["pointB"]) == ([-0.5, -0.5, -0.5], [49.5, 59.5, 69.5])
    image = layer(build("overview"), "zoom")["source"]["transform"]
    assert {**image, "inputDimensions": ZOOM_DIMENSIONS} == outline["source"]["transform"]


def test_a_volume_that_has_its_voxel_size_keeps_it() -> None:
    """Its finest level may be coarser than the volume that was measured."""
    assert "inputDimensions" not in layer(build("overview"), "zoom")["source"]["transform"]
    plain = build("overview", {pid: f"n5://https://portal.org/data/{pid}/" for pid in PLACEMENTS})
    placed = layer(plain, "zoom")["source"]["transform"]
    assert placed["inputDimensions"] == ZOOM_DIMENSIONS


def test_an_overview_shows_itself_whole_with_hidden_zooms() -> None:
    state = build("overview")
    assert state["position"] == [99.5, 149.5, 199.5]
    assert state["dimensions"] == {axis: [pytest.approx(2e-5), "m"] for axis in "zyx"}
    visible = {one["name"] for one in state["layers"] if one.get("visible", True)}
    assert visible == {"overview", "box of zoom"}
    assert state["showScaleBar"]


def test_a_zoom_is_shown_at_its_centre_in_its_overview() -> None:
    state = build("zoom")
    assert layer(state, "zoom")["visible"]
    assert FOUND.corners_voxel is not None
    centre = np.mean(FOUND.corners_voxel, axis=0)
    assert np.allclose(state["position"], centre, rtol=0, atol=1e-9)
    assert state["crossSectionScale"] < build("overview")["crossSectionScale"]


def test_volumes_without_image_data_have_boxes_only() -> None:
    overlay = Overlay(pid="overview", registrations=[FOUND], overlapping=[])
    state = viewer_state.build_state(overlay, PLACEMENTS, {})
    assert [one["name"] for one in state["layers"]] == ["box of zoom"]


def test_a_link_holds_the_whole_state() -> None:
    state = build("zoom")
    page, fragment = viewer_state.link("https://portal.org/viewer/", state).split("#!")
    assert page == "https://portal.org/viewer/"
    assert json.loads(unquote(fragment)) == state
    assert '"' not in fragment
    assert "'" not in fragment


def test_the_group_of_a_volume_is_the_uppermost() -> None:
    def file(pid: str, path: str | None, name: str) -> dict[str, Any]:
        return {"pid": pid, "path": path, "name": name}

    files = [
        file("a", "volume.ome.zarr/0", "zarr.json"), file("a", "volume.ome.zarr", "zarr.json"),
        file("b", "raw/s0", "attributes.json"), file("b", None, "attributes.json"),
        file("c", "v.zarr", ".zattrs"),
    ]  # fmt: skip
    expected = {"a": ("zarr3", "volume.ome.zarr"), "b": ("n5", ""), "c": ("zarr2", "v.zarr")}
    assert viewer_state.find_image_groups(files) == expected


@pytest.mark.parametrize("direction", ["to-overview", "to-zoom"])
def test_itk_reads_the_transform(direction: str, tmp_path: Any) -> None:
    assert FOUND.matrix_um is not None
    matrix = FOUND.matrix_um if direction == "to-overview" else inverse(FOUND.matrix_um)
    file = tmp_path / "zoom.tfm"
    file.write_text(transform_files.itk_transform(matrix, "a comment"), "utf-8")
    point = (11.0, 22.0, 33.0)
    untyped: Any = SimpleITK
    found = untyped.ReadTransform(str(file)).TransformPoint(point[::-1])
    assert np.allclose(found[::-1], transform(matrix, point), rtol=0, atol=1e-9)


def test_an_nrrd_header_places_the_zoom_in_its_overview() -> None:
    volume = PLACEMENTS["zoom"].volume
    assert volume is not None
    assert FOUND.matrix_um is not None
    text = transform_files.nrrd_header(volume, FOUND.matrix_um, "zoom", "position")
    header = nrrd.read_header(io.BytesIO(text.encode() + b"\n"))
    index = np.array([9, 8, 7])  # x, y, z of a voxel
    found = header["space origin"] + index @ header["space directions"]
    z, y, x = (float(n) * 5.1 for n in index[::-1])
    assert np.allclose(found[::-1], transform(FOUND.matrix_um, (z, y, x)), rtol=0, atol=1e-9)
    assert list(header["sizes"]) == [70, 60, 50]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("translation", [1, 2]), ("translation", ["1", 2, 3]), ("translation", [1, 2, 1e300]),
        ("rotation", None), ("rotation", float("nan")), ("scale", 0), ("scale", -1),
        ("scale", True), ("target_dataset", 7), ("target_dataset", "zoom"),
    ],
)  # fmt: skip
def test_a_registration_that_is_not_valid_names_the_field(field: str, value: Any) -> None:
    details = {**ZOOM, "registration": {**ZOOM["registration"], field: value}}
    found = placement("zoom", details)
    described = describe_registration(found, PLACEMENTS["overview"])
    assert described.status == "position unknown"
    assert field in str(described.reason)
    assert described.matrix_um is None


@pytest.mark.parametrize(
    "data", [None, [], {}, {"shape": [1, 2], "voxel_size_um": 1}, {"shape": [1, 2, 0]},
             {"shape": [1, 2, 3], "voxel_size_um": float("inf")}]
)  # fmt: skip
def test_a_volume_without_a_valid_size_has_no_position(data: Any) -> None:
    zoom = placement("zoom", {**ZOOM, "data": data})
    described = describe_registration(zoom, PLACEMENTS["overview"])
    assert described.status == "position unknown"
    assert "the zoom" in str(described.reason)
    overlay = Overlay(pid="zoom", registrations=[described], overlapping=[])
    assert viewer_state.build_state(overlay, {**PLACEMENTS, "zoom": zoom}, SOURCES)["layers"]


@pytest.mark.parametrize("details", [None, [], "text", {"registration": "text"}, {"data": 1}])
def test_any_details_of_a_record_can_be_read(details: Any) -> None:
    assert read_placement({"_id": "x", "record": {"details": details}}).target is None
