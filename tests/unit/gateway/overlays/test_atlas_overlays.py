"""Overlays of the whole Human Organ Atlas, compared with those that hoa-tools computes."""

import json
import warnings
from typing import Any

import numpy as np
import pytest
from portal_cli.hoa import details, source
from portal_cli.hoa.atlas import build_atlas
from portal_gateway.overlays.overlay import (
    OverlayRegistration,
    describe_registration,
    find_overlaps,
)
from portal_gateway.overlays.placement import Placement, read_placement
from portal_shared.registration import transform

LANDMARKS = [(0.0, 0.0, 0.0), (300.0, 200.0, 100.0), (-0.5, 1234.5, 77.25)]  # voxels, z, y, x


@pytest.fixture(scope="module")
def placements() -> dict[str, Placement]:
    """What the portal stores of each dataset of the installed hoa-tools."""
    installed = source.read_installed()
    atlas = build_atlas(installed.entries)
    rows = (
        {"_id": e.record.name,
         "record": {"details": details.dataset_details(e, atlas, installed.version)}}
        for e in atlas.entries.values()
    )  # fmt: skip
    return {row["_id"]: read_placement(json.loads(json.dumps(row))) for row in rows}


@pytest.fixture(scope="module")
def registrations(placements: dict[str, Placement]) -> list[OverlayRegistration]:
    zooms = [p for p in placements.values() if p.target is not None]
    return [describe_registration(zoom, placements.get(zoom.target or "")) for zoom in zooms]


@pytest.fixture(scope="module")
def hoa_tools() -> Any:
    """The modules of hoa-tools that compute positions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import hoa_tools.dataset  # noqa: PLC0415
        import hoa_tools.registration  # noqa: PLC0415
    return hoa_tools


def test_every_registration_of_the_atlas_has_a_position_or_a_reason(
    registrations: list[OverlayRegistration], placements: dict[str, Placement]
) -> None:
    placed = [r for r in registrations if r.status == "registered"]
    pending = [r for r in registrations if r.status == "target not public"]
    assert (len(placed), len(pending)) == (224, 14)
    assert sum(p.is_zoom and p.target is None for p in placements.values()) == 31
    assert all(r.target is None and r.reason and r.matrix_um is None for r in pending)
    assert all(r.target in placements and r.reason is None for r in placed)


def test_landmarks_are_where_hoa_tools_puts_them(
    registrations: list[OverlayRegistration], placements: dict[str, Placement], hoa_tools: Any
) -> None:
    placed = [r for r in registrations if r.status == "registered"]
    for found in placed:
        zoom, overview = placements[found.source].volume, placements[found.target or ""].volume
        assert zoom
        assert overview
        assert found.matrix_um
        assert found.matrix_voxel
        oracle = hoa_tools.registration.Inventory.get_registration(
            source_dataset=hoa_tools.dataset.get_dataset(found.source),
            target_dataset=hoa_tools.dataset.get_dataset(found.target),
        )
        for voxel in LANDMARKS:
            um = tuple(n * zoom.voxel_um for n in voxel)
            expected = np.array(oracle.TransformPoint(um)) / overview.voxel_um
            assert np.allclose(transform(found.matrix_voxel, voxel), expected, rtol=0, atol=1e-6)
            ours = np.array(transform(found.matrix_um, um)) / overview.voxel_um
            assert np.allclose(ours, expected, rtol=0, atol=1e-6)


def test_corners_and_fractions_are_those_of_the_atlas(
    registrations: list[OverlayRegistration], placements: dict[str, Placement]
) -> None:
    placed = {r.source: r for r in registrations if r.status == "registered"}
    assert sum(r.inside == 1 for r in placed.values()) == 200
    outside = [name for name, r in placed.items() if r.inside == 0]
    assert outside == ["S-20-29_lung_left_ROI-3.1_2.256um_bm18"]
    for found in placed.values():
        overview = placements[found.target or ""].volume
        assert overview
        assert found.corners_um
        assert found.corners_voxel
        scaled = np.array(found.corners_voxel) * overview.voxel_um
        assert np.allclose(found.corners_um, scaled, rtol=1e-12)


def test_zooms_that_lie_in_another_zoom_are_found(placements: dict[str, Placement]) -> None:
    zooms = [p for p in placements.values() if p.target in placements]
    found = {
        zoom.pid: find_overlaps(zoom, [z for z in zooms if z.target == zoom.target])
        for zoom in zooms
    }
    pairs = {frozenset((pid, o.pid)) for pid, overlaps in found.items() for o in overlaps}
    assert 100 < len(pairs) <= 167  # 167 by their bounding boxes
    within = [pid for pid, overlaps in found.items() if any(o.inside > 0.999 for o in overlaps)]
    assert 20 < len(within) <= 32
    back = {(o.pid, pid): o for pid, overlaps in found.items() for o in overlaps}
    for pid, overlaps in found.items():
        for one in overlaps:
            there = transform(one.matrix_voxel, LANDMARKS[1])
            again = transform(back[pid, one.pid].matrix_voxel, there)
            assert np.allclose(again, LANDMARKS[1], rtol=0, atol=1e-6)
