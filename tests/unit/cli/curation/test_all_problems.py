"""All problems are reported at once, the cheap ones before any checksum is computed."""

from typing import Any

import pytest
from portal_cli.curation.checksums import Checksums

from tests.drivers.curation.curated_folder import CLAIMS, CuratedFolder

from .test_zarr_headers import write_zarr


def test_no_checksum_is_computed_while_there_are_problems(
    folder: CuratedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_zarr(folder.path / "v.zarr")
    given = folder.metadata(CLAIMS)
    del given["document"]["title"]
    monkeypatch.setattr(Checksums, "compute", None)
    found = folder.curate_metadata(given)
    assert [p[0] for p in found.problems] == ["document.title"]


def test_problems_of_the_form_hide_no_others(folder: CuratedFolder) -> None:
    write_zarr(folder.path / "v.zarr", scale=5.0)
    (folder.path / "a\u200b.raw").write_text("x")
    given: dict[str, Any] = folder.metadata({**CLAIMS, "organ": "hart"}, keywords="one", colour=1)
    given["documents"] = []
    dataset = given["datasets"][0]
    del dataset["title"]
    dataset["created"] = "2026-11-20T09:30:00"
    dataset["techniques"] = [{"pid": "none", "name": "x"}]
    dataset["samples"] = []
    del given["document"]["name"]
    given["document"]["members"] = []
    found = folder.curate_metadata(given)
    assert {p[0] for p in found.problems} == {
        "documents",
        "document.name",
        "document.members",
        "datasets[0].title",
        "datasets[0].created",
        "datasets[0].keywords",
        "datasets[0].colour",
        "datasets[0].techniques[0].pid",
        "datasets[0].samples",
        "datasets[0].parameters[0].value",
        "datasets[0].parameters[1].value",
        "a\u200b.raw",
    }


def test_every_problem_of_a_parameter_has_its_name(folder: CuratedFolder) -> None:
    write_zarr(folder.path / "v.zarr")
    claims = {"voxel_size": "2000 um", "donor_weight": "70", "voi": "a\u200bb", "organ": "hart"}
    found = folder.curate(**claims)
    assert len(found.problems) >= 4
    for _, reason in found.problems:
        assert any(name in reason for name in claims)


TABLE = """name;folder;title;created;samples.pid;samples.name;voxel_size[um];organ;shape_x
a;a;A;2026-11-20T09:30:00Z;s;s;25;kidney;6

b;b;;2026-11-20T09:30:00Z;;s;25;hart;7
"""


def test_a_problem_in_a_table_has_its_line(folder: CuratedFolder) -> None:
    for name in "ab":
        write_zarr(folder.path / name / "v.zarr")
    found = folder.curate_metadata(TABLE, "metadata.csv")
    fields = {p[0] for p in found.problems}
    assert {
        "metadata.csv, line 4, title",
        "metadata.csv, line 4, samples.pid",
        "metadata.csv, line 4, organ",
        "metadata.csv, line 4, shape_x",
        "metadata.csv, line 2, instrument",
    } <= fields
    assert not any("[" in field for field in fields)


def test_a_parameter_of_a_wrong_form_hides_no_others(folder: CuratedFolder) -> None:
    write_zarr(folder.path / "v.zarr")
    given: dict[str, Any] = folder.metadata({})
    given["datasets"][0]["parameters"] = [
        {"name": "organ", "value": ["kidney"]},
        {"name": "voxel_size", "value": 25},
        {"value": 3},
        {"name": "shape_x", "value": 7, "unit": ""},
    ]
    found = folder.curate_metadata(given)
    fields = {p[0].removeprefix("datasets[0].parameters") for p in found.problems}
    assert fields == {"[0].value", "[1].unit", "[2].name", "[3].value"}
