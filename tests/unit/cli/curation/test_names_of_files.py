"""Names that collide elsewhere, hidden characters, and files of operating systems."""

import json
import os

import pytest

from tests.drivers.curation.curated_folder import CuratedFolder

from .test_zarr_headers import write_zarr


@pytest.mark.parametrize(
    "names",
    [
        ("Slice.raw", "slice.raw"),
        ("caf\u00e9.raw", "cafe\u0301.raw"),
        ("STRASSE.raw", "stra\u00dfe.raw"),
        ("A/one.raw", "a/two.raw"),
        ("\u212b.raw", "\u00c5.raw"),
    ],
)
def test_names_that_are_one_elsewhere_are_a_warning(
    folder: CuratedFolder, names: tuple[str, str]
) -> None:
    write_zarr(folder.path / "v.zarr")
    for name in names:
        (folder.path / name).parent.mkdir(exist_ok=True)
        (folder.path / name).write_text("x")
    found = folder.curate()
    assert found.problems == []
    assert len(found.about("one name on Windows and macOS")) == 1


def test_a_folder_is_found_in_another_composition_of_its_letters(folder: CuratedFolder) -> None:
    write_zarr(folder.path / "re\u0301gion/v.zarr", scale=5.0)
    given = folder.metadata({"voxel_size": "25 um"}, folder="r\u00e9gion")
    assert "has 5 um" in folder.curate_metadata(given).problems[0][1]
    given["datasets"][0]["folder"] = "R\u00e9gion"
    assert folder.curate_metadata(given).problems == [
        ("datasets[0].folder", "'R\u00e9gion' is not a folder")
    ]


def test_a_name_that_no_folder_can_have_is_a_problem(folder: CuratedFolder) -> None:
    write_zarr(folder.path / "v.zarr")
    given = folder.metadata({"voxel_size": "25 um"}, name="n" * 300)
    assert [p[0] for p in folder.curate_metadata(given).problems] == ["datasets[0].name"]
    given = folder.metadata({"voxel_size": "25 um"}, folder="n" * 300)
    assert [p[0] for p in folder.curate_metadata(given).problems] == ["datasets[0].folder"]


def test_names_that_stay_apart_are_no_warning(folder: CuratedFolder) -> None:
    write_zarr(folder.path / "v.zarr")
    for name in ("a/x.raw", "b/x.raw", "x.raw", "x.RAW2"):
        (folder.path / name).parent.mkdir(exist_ok=True)
        (folder.path / name).write_text("x")
    assert folder.curate().warnings == []


@pytest.mark.parametrize("mark", ["\u200b", "\ufeff", "\u00ad", "\u2060", "\u200d"])
def test_an_invisible_character_is_a_problem(folder: CuratedFolder, mark: str) -> None:
    write_zarr(folder.path / "v.zarr")
    (folder.path / f"a{mark}b.raw").write_text("x")
    found = folder.curate(organ=f"kidney{mark}")
    number = f"U+{ord(mark):04X}"
    assert number in dict(found.problems)[f"a{mark}b.raw"]
    assert found.about("parameters[0].value", number)


def test_joiners_that_a_script_needs_are_accepted(folder: CuratedFolder) -> None:
    write_zarr(folder.path / "v.zarr")
    given = folder.metadata({"voxel_size": "25 um"})
    given["document"]["title"] = (
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f469\u200d\U0001f52c"
    )
    assert folder.curate_metadata(given).problems == []


@pytest.mark.parametrize(
    "value", ["#REF!", "#N/A", " #DIV/0! ", "#NV", "#BEZUG!", "####", "Err:502"]
)
def test_an_error_of_a_spreadsheet_is_a_problem(folder: CuratedFolder, value: str) -> None:
    write_zarr(folder.path / "v.zarr")
    found = folder.curate(voi=value)
    assert "is an error of a spreadsheet" in found.problems[0][1]
    assert folder.curate(voi="#3 of 4").problems == []


def test_files_of_operating_systems_are_left_out(folder: CuratedFolder) -> None:
    write_zarr(folder.path / "v.zarr")
    names = ("Thumbs.db", ".DS_Store", "~$notes.docx", "._v.tif", "v.zarr/0/.DS_Store",
             "__MACOSX/a.tif", ".~lock.m.csv#", "desktop.ini", ".a.txt.swp")  # fmt: skip
    for name in names:
        (folder.path / name).parent.mkdir(exist_ok=True)
        (folder.path / name).write_text("x")
    found = folder.curate()
    assert found.problems == []
    for word in ("Thumbs.db", ".DS_Store", "~$", "._v.tif", ".~lock", ".swp"):
        assert found.about(word, "left out")
    dataset = json.loads(folder.path.with_name("job.json").read_text())["datasets"][0]
    listed = {"/".join(filter(None, (f.get("path"), f["name"]))) for f in dataset["files"]}
    assert listed == {"v.zarr/zarr.json", "v.zarr/0/zarr.json"}


def test_an_empty_file_is_a_warning(folder: CuratedFolder) -> None:
    write_zarr(folder.path / "v.zarr")
    (folder.path / "notes.txt").touch()
    assert folder.curate().warnings == [("notes.txt", "is empty")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_a_problem(folder: CuratedFolder) -> None:
    write_zarr(folder.path / "v.zarr")
    (folder.path / "a.raw").write_text("x")
    (folder.path / "a.raw").chmod(0)
    assert "permission" in dict(folder.curate().problems)["a.raw"]
