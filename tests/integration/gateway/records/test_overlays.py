"""Overlays of public records; nothing of records that are not public."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote

import pytest
from portal_shared.contracts.events import (
    DatasetFilesListed,
    DatasetRegistered,
    DatasetWithdrawn,
    DoiMinted,
    Event,
)
from portal_shared.contracts.records import Dataset, File, files_digest

from tests.drivers.portal import Portal
from tests.integration.gateway.records.small_atlas import scan


def volume(kind: str, side: str, voxel: float, **more: Any) -> Dataset:
    registration = more.pop("registration", None)
    details = {
        "data": {"shape": [400, 300, 200], "voxel_size_um": voxel},
        "dataset_type": kind,
        "registration": registration,
    }
    return scan("kidney", side, kind, voxel, details=details, **more)


def placed(target: Dataset, shift: float = 50.0) -> dict[str, Any]:
    return {
        "target_dataset": target.pid, "translation": [shift, 60.0, 70.0], "rotation": 12.5,
        "scale": 0.25,
    }  # fmt: skip


FILES = tuple(
    File(name="zarr.json", path=path, size=1) for path in ("volume.ome.zarr/0", "volume.ome.zarr")
)
WITH_FILES: dict[str, Any] = {
    "folder": "x", "files": {"count": 2, "bytes": 2, "digest": files_digest(list(FILES))}
}  # fmt: skip
OVERVIEW = volume("overview", "left", 20.0, **WITH_FILES)
SECRET = volume("overview", "right", 21.0, is_public=False)
ZOOM = volume("zoom", "left", 5.0, registration=placed(OVERVIEW), **WITH_FILES)
NEAR = volume("zoom", "left", 5.5, registration=placed(OVERVIEW, 80.0))
FAR = volume("zoom", "left", 5.2, registration=placed(OVERVIEW, 250.0))
HIDDEN = volume("zoom", "left", 4.0, registration=placed(OVERVIEW), is_public=False, **WITH_FILES)
PENDING = volume("zoom", "right", 6.0, registration=placed(SECRET))
ABSENT = volume(
    "zoom", "right", 6.1, registration={**placed(SECRET), "target_dataset": "never-published"}
)
LOST = volume(
    "zoom", "left", 7.0, registration={"same_specimen": [OVERVIEW.pid, SECRET.pid, "nowhere"]}
)
ALONE = volume("zoom", "left", 8.0, registration={"same_specimen": [SECRET.pid]})
BROKEN = volume("zoom", "left", 9.0, registration={**placed(OVERVIEW), "scale": "much"})
EVERY = (OVERVIEW, SECRET, ZOOM, NEAR, FAR, HIDDEN, PENDING, ABSENT, LOST, ALONE, BROKEN)


def listed(dataset: Dataset) -> Event:
    return DatasetFilesListed(
        pid=dataset.pid, version=1, digest=files_digest(list(FILES)), folder="x", part=0, parts=1,
        files=FILES,
    )  # fmt: skip


@pytest.fixture
async def organs(portal: Portal) -> Portal:
    await portal.publish([DatasetRegistered(dataset=d, version=1) for d in EVERY])
    await portal.publish([listed(d) for d in (OVERVIEW, ZOOM, HIDDEN)])
    await portal.wait_indexed()
    return portal


async def overlay(portal: Portal, dataset: Dataset | str) -> dict[str, Any]:
    pid = dataset if isinstance(dataset, str) else dataset.pid
    answer = await portal.get(f"/api/records/{quote(pid, safe='')}/overlay")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_overlays_of_public_records(organs: Portal) -> None:
    await assert_overview(organs)
    await assert_zoom(organs)
    await assert_unknown_positions(organs)
    await assert_viewer(organs)
    await assert_transform_files(organs)


async def assert_overview(organs: Portal) -> None:
    found = await overlay(organs, OVERVIEW)
    states = {r["source"]: r["status"] for r in found["registrations"]}
    registered = dict.fromkeys((ZOOM.pid, NEAR.pid, FAR.pid), "registered")
    assert states == {
        **registered, BROKEN.pid: "position unknown", LOST.pid: "position unknown",
    }  # fmt: skip
    assert all(r["target"] == OVERVIEW.pid for r in found["registrations"])
    assert found["overlapping"] == []


async def assert_zoom(organs: Portal) -> None:
    found = await overlay(organs, ZOOM)
    [own] = found["registrations"]
    assert (own["source"], own["target"], own["status"]) == (ZOOM.pid, OVERVIEW.pid, "registered")
    assert own["matrix_voxel"][0] == [0.25, 0, 0, 70]
    assert own["matrix_um"][2][3] == 1000
    assert len(own["corners_um"]) == len(own["corners_voxel"]) == 8
    assert own["inside"] == 1
    assert [o["pid"] for o in found["overlapping"]] == [NEAR.pid]
    assert 0 < found["overlapping"][0]["inside"] < 1


async def assert_unknown_positions(organs: Portal) -> None:
    for pending in (PENDING, ABSENT):
        [own] = (await overlay(organs, pending))["registrations"]
        assert (own["status"], own["target"]) == ("target not public", None)
    two = [(await overlay(organs, d))["registrations"][0] for d in (PENDING, ABSENT)]
    assert {k: v for k, v in two[0].items() if k != "source"} == {
        k: v for k, v in two[1].items() if k != "source"
    }, "whether a target that is not public exists cannot be seen"
    [lost] = (await overlay(organs, LOST))["registrations"]
    assert (lost["status"], lost["target"]) == ("position unknown", OVERVIEW.pid)
    [alone] = (await overlay(organs, ALONE))["registrations"]
    assert (alone["status"], alone["target"]) == ("position unknown", None)
    [broken] = (await overlay(organs, BROKEN))["registrations"]
    assert broken["status"] == "position unknown"
    assert "scale" in broken["reason"]


async def assert_viewer(organs: Portal) -> None:
    answer = await organs.get(f"/api/records/{ZOOM.pid}/overlay/neuroglancer")
    found = answer.json()
    names = [layer["name"] for layer in found["state"]["layers"]]
    assert names == [OVERVIEW.pid, ZOOM.pid, f"box of {ZOOM.pid}"]
    source = found["state"]["layers"][0]["source"]["url"]
    assert source.startswith("zarr3://http")
    assert source.endswith(f"/data/{OVERVIEW.pid}/volume.ome.zarr/")
    address = unquote(found["short_link"].split("#!")[1])
    alone = await organs.reader.get(address[address.index("/api/") :])
    assert alone.json() == found["state"]
    everything = (await organs.get(f"/api/records/{OVERVIEW.pid}/overlay/neuroglancer")).text
    assert HIDDEN.pid not in everything


async def assert_transform_files(organs: Portal) -> None:
    address = f"/api/records/{ZOOM.pid}/overlay/transform"
    text = (await organs.get(address)).text
    assert text.startswith("#Insight Transform File V1.0")
    assert (await organs.get(address, format="nrrd")).text.startswith("NRRD")
    back = (await organs.get(address, direction="to-zoom")).text
    assert back != text
    above = f"/api/records/{OVERVIEW.pid}/overlay/transform"
    assert (await organs.get(above)).status_code == 400
    assert (await organs.get(above, zoom=ZOOM.pid)).text == text
    assert (await organs.get(above, zoom=HIDDEN.pid)).status_code == 400
    for wrong in ({"format": "gif"}, {"direction": "up"}):
        assert (await organs.get(address, **wrong)).status_code == 400
    assert (await organs.get(f"/api/records/{PENDING.pid}/overlay/transform")).status_code == 404


async def test_nothing_of_hidden_or_withdrawn_records_is_shown(organs: Portal) -> None:
    for dataset in EVERY:
        for end in ("overlay", "overlay/neuroglancer", "overlay/neuroglancer.json"):
            answer = await organs.get(f"/api/records/{dataset.pid}/{end}")
            assert answer.status_code == (200 if dataset.is_public else 404), answer.text
            if dataset.is_public:
                assert not [d.pid for d in (SECRET, HIDDEN) if d.pid in answer.text]
    given: dict[str, Any] = {
        "version": 2, "reason": "wrong donor", "withdrawn_at": datetime(2026, 11, 26, tzinfo=UTC)
    }  # fmt: skip
    await organs.publish([
        DatasetWithdrawn(pid=OVERVIEW.pid, title=OVERVIEW.title, dataset=OVERVIEW, **given),
        DatasetWithdrawn(pid=HIDDEN.pid, title=HIDDEN.title, **given),
    ])  # fmt: skip
    await organs.wait_indexed()
    gone = await organs.get(f"/api/records/{OVERVIEW.pid}/overlay")
    assert (gone.status_code, gone.json()["detail"]) == (410, "wrong donor")
    assert (await organs.get(f"/api/records/{HIDDEN.pid}/overlay")).status_code == 404
    found = await overlay(organs, ZOOM)
    [own] = found["registrations"]
    assert (own["status"], own["target"], own["matrix_um"]) == ("target not public", None, None)
    assert found["overlapping"] == []


async def test_records_are_found_by_doi_and_unknown_ones_are_missing(organs: Portal) -> None:
    doi = "10.5072/zoom"
    minted = DoiMinted(pid=ZOOM.pid, level="dataset", doi=doi, url="https://x.org", adopted=False,
                       state="findable", version=1)  # fmt: skip
    await organs.publish([minted])
    await organs.wait_indexed()
    assert (await overlay(organs, doi))["pid"] == ZOOM.pid
    for name in ("unknown", "10.5072/unknown", "a\x00b", "x" * 3000, "%2e%2e"):
        answer = await organs.get(f"/api/records/{quote(name, safe='')}/overlay")
        assert answer.status_code == 404, (name[:20], answer.text)
