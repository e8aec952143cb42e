"""portal curate: from a folder to a job, or to every mistake in it at once."""

import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import yaml
import zarr
from portal_cli.curation import metadata
from portal_cli.curation.checksums import Checksums
from portal_cli.curation.headers.hdf5 import read_hdf5
from portal_cli.curation.headers.image import Image, make_axes
from portal_cli.curation.headers.ome_zarr import read_zarr
from portal_cli.curation.headers.tiff import read_tiff
from portal_cli.curation.logical_files import group_files
from portal_cli.curation.scanner import scan_folder
from portal_cli.main import app
from portal_shared import profile as profiles
from portal_shared.contracts.jobs import Job, Problem
from portal_shared.runtime.errors import Invalid
from portal_shared.validation.job_parser import parse_envelope, parse_job
from portal_shared.validation.validator import validate
from typer.testing import CliRunner

HOA = profiles.load("human-organs")
PANET = "http://purl.org/pan-science/PaNET/PaNET01333"


def described(**more: Any) -> dict[str, Any]:
    return {
        "document": {
            "name": "D1_kidney",
            "title": "Kidney of donor D1",
            "members": [{"person": {"id": "p", "full_name": "Ada Lovelace"}}],
        },
        "datasets": [
            {
                "name": "overview",
                "title": "Overview of the kidney",
                "created": "2026-11-20T09:30:00Z",
                "instrument": {"pid": "ESRF-BM18", "name": "BM18", "facility": "ESRF"},
                "techniques": [{"pid": PANET, "name": "PPC-SrCT"}],
                "samples": [{"pid": "D1_kidney", "name": "D1_kidney"}],
                "parameters": {"voxel_size": "25.14 um", "organ": "kidney", "shape_x": 6},
                **more,
            }
        ],
    }


def volume(folder: Path, *, voxel: float = 25.14) -> None:
    """A zarr of two levels, a stack of four slices, and an HDF5 file."""
    folder.mkdir(parents=True, exist_ok=True)
    group = zarr.create_group(store=folder / "v.zarr", zarr_format=3)
    scales = [voxel, voxel * 2]
    for number, size in enumerate((6, 3)):
        array = group.create_array(
            str(number), shape=(4, 5, size), dtype="uint16", dimension_names=("z", "y", "x")
        )
        array[:] = number
    axes = [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"]
    levels = [
        {
            "path": str(n),
            "coordinateTransformations": [{"type": "scale", "scale": [s, s, s]}],
        }
        for n, s in enumerate(scales)
    ]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
    for number in range(4):
        tifffile.imwrite(folder / f"slice_{number:04d}.tif", np.zeros((5, 6), "uint16"))
    with h5py.File(folder / "v.h5", "w") as file:
        file["entry/data"] = np.zeros((4, 5, 6), "float32")


def run(*arguments: object) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, ["curate", *map(str, arguments), "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_a_clean_folder_becomes_a_job_that_the_portal_accepts(tmp_path: Path) -> None:
    volume(tmp_path / "data/overview")
    (tmp_path / "data/metadata.yaml").write_text(yaml.safe_dump(described()))
    code, result = run(tmp_path / "data", "--output", tmp_path / "job.json")
    assert result["problems"] == []
    assert code == 0
    body = (tmp_path / "job.json").read_bytes()
    judged = validate(parse_envelope(parse_job(body)), HOA)
    assert judged.datasets[0].problems == []
    dataset = Job.model_validate_json(body).datasets[0]
    assert dataset.folder == "data/overview"
    assert {f.location for f in dataset.files} >= {"slice_0000.tif", "v.zarr/zarr.json", "v.h5"}
    assert all(f.sha256 for f in dataset.files)
    assert result["logical"] == {"zarr": 1, "stack": 1, "file": 1}
    (tmp_path / "data/overview/slice_0001.tif").write_bytes(
        (tmp_path / "data/overview/slice_0001.tif").read_bytes()
    )
    _, again = run(tmp_path / "data", "--output", tmp_path / "job.json")
    assert again["read"] <= 1
    assert again["job_id"] == result["job_id"]


def test_ten_different_mistakes_are_ten_problems_in_one_run(tmp_path: Path) -> None:
    data = tmp_path / "data"
    volume(data / "overview", voxel=12.5)  # 1: differs from the metadata
    (data / "overview/out.tif").symlink_to("/etc/passwd")  # 2
    (data / "overview/bad\u202ename.txt").write_text("x")  # 3
    (data / "overview/broken.tif").write_bytes(b"II*\0no tiff")  # 4
    wrong = described(
        created="2026-11-20T09:30:00",  # 5: no zone
        colour="red",  # 6: unknown
        parameters=[
            {"name": "voxel_size", "value": 25.14, "unit": "um"},
            {"name": "organ", "value": "hart"},
        ],
    )
    del wrong["datasets"][0]["created"]
    wrong["document"]["tittle"] = "x"
    (data / "metadata.json").write_text(json.dumps(wrong))
    _, first = run(data, "--output", tmp_path / "job.json")
    assert len(first["problems"]) >= 6
    wrong["datasets"][0] |= {"created": "2026-11-20T09:30:00Z"}
    del wrong["datasets"][0]["colour"], wrong["document"]["tittle"]
    wrong["datasets"][0]["parameters"] += [
        {"name": "donor_age", "value": 7, "unit": "a"},  # out of range
        {"name": "incident_photon_energy", "value": 100},  # no unit
        {"name": "donor_weight", "value": 70, "unit": "furlong"},
        {"name": "fixation_methods", "value": "immersion"},
    ]
    wrong["datasets"][0]["techniques"] = [{"pid": PANET + "9", "name": "magic"}]
    wrong["datasets"][0]["samples"] = []
    wrong["datasets"][0]["doi"] = "none"
    (data / "metadata.json").write_text(json.dumps(wrong))
    code, result = run(data, "--output", tmp_path / "job.json")
    assert code == 1
    assert result["job"] is None
    found = {p["field"]: p["suggestion"] for p in result["problems"]}
    place = "datasets[0]."
    assert found == {
        "overview/out.tif": None,
        "overview/bad\u202ename.txt": "badname.txt",
        "overview/broken.tif": None,
        place + "parameters[0].value": "12.5 um",
        place + "parameters[1].value": "heart",
        place + "parameters[2].value": None,
        place + "parameters[3].unit": "keV",
        place + "parameters[4].unit": "kg",
        place + "parameters[5].name": "fixation_method",
        place + "techniques[0].pid": PANET,
        place + "samples": None,
        place + "doi": None,
    }
    assert len(found) >= 10


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("m.json", b'{"datasets": [}', "line 1, column 15"),
        ("m.json", b'{"datasets": [{"size": NaN}]}', "NaN"),
        ("m.yaml", b"datasets:\n  - name: [a\n", "line 3, column 1"),
        ("m.yaml", b"a: 1\na: 2\n", "the key 'a' is used twice in line 2, column 1"),
        ("m.yaml", b"a: &a [x]\nb: [" + b"*a, " * 200 + b"]", "too many aliases"),
        ("m.yaml", b"\xff", "not UTF-8 at byte 0, line 1"),
        ("m.yaml", b"- " * 2000, "nested too deeply"),
        ("m.csv", b'name,title\n"a,b\n', "line 2"),
        ("m.txt", b"", "must end with .json"),
        ("m.json", b" " * 8_000_001, "8000001 bytes, the limit of a job is 8000000"),
    ],
)
def test_metadata_that_cannot_be_read_is_refused_with_its_place(
    name: str, content: bytes, reason: str
) -> None:
    with pytest.raises(Invalid, match=reason):
        metadata.read(name, content, HOA)


def test_a_table_has_a_row_for_each_dataset_and_units_in_its_header() -> None:
    table = (
        "name;title".replace(";", ",")
        + ",created,keywords,voxel_size[um],organ,samples.pid,samples.name,hart,document.title\n"
        + "a,A,2026-01-01T00:00:00Z,x; y,25.14,kidney,s,s,,T\n"
        + "b,B\n"
    )
    parts, problems = metadata.read("m.csv", table.encode(), HOA)
    assert parts["document"] == {"title": "T"}
    assert parts["datasets"] == [
        {
            "name": "a",
            "title": "A",
            "created": "2026-01-01T00:00:00Z",
            "keywords": ["x", "y"],
            "samples": [{"pid": "s", "name": "s"}],
            "parameters": [
                {"name": "voxel_size", "value": 25.14, "unit": "um"},
                {"name": "organ", "value": "kidney"},
            ],
        }
    ]
    assert [p.field for p in problems] == ["m.csv, line 1, column 9", "m.csv, line 3"]


def test_a_date_of_death_is_dropped_before_the_job_is_written(tmp_path: Path) -> None:
    data = tmp_path / "data"
    volume(data / "overview")
    donor = {"id": "D1", "date_of_death": "2019-12-24"}
    given = described(details={"donor": donor, "Date-of-Death": "2019-12-24"})
    (data / "metadata.yaml").write_text(yaml.safe_dump(given))
    code, result = run(data, "--output", tmp_path / "job.json")
    assert (code, result["dropped"]) == (0, 2)
    assert b"2019-12-24" not in (tmp_path / "job.json").read_bytes()


def test_a_file_that_changes_while_it_is_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/f").write_bytes(b"before")
    files = scan_folder(tmp_path / "d").files
    (tmp_path / "d/f").write_bytes(b"after, and longer")
    problems: list[Problem] = []
    sums = Checksums(tmp_path / "d", tmp_path / "state")
    assert sums.compute(files, problems, lambda _: None) == {}
    assert "changed while it was read" in problems[0].reason


def test_a_run_that_was_cut_off_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for name in "abc":
        (tmp_path / "d" / name).write_bytes(name.encode())
    files = scan_folder(tmp_path / "d").files
    first = Checksums(tmp_path / "d", tmp_path / "state")
    whole = first.compute(files, [], lambda _: None)
    lines = (tmp_path / "state").read_text().splitlines(keepends=True)
    (tmp_path / "state").write_text("".join(lines[:2]) + lines[2][:20])
    second = Checksums(tmp_path / "d", tmp_path / "state")
    assert second.compute(files, [], lambda _: None) == whole
    assert (first.files_read, second.files_read) == (3, 1)


def test_headers_have_shape_voxels_type_and_levels(tmp_path: Path) -> None:
    volume(tmp_path)
    tifffile.imwrite(
        tmp_path / "o.ome.tif",
        np.zeros((2, 3, 4), "uint8"),
        photometric="minisblack",
        metadata={"axes": "ZYX", "PhysicalSizeX": 2.5, "PhysicalSizeY": 2.5, "PhysicalSizeZ": 5},
    )
    steps = make_axes(list("zyx"), (4, 5, 6), [25.14] * 3)
    assert read_zarr(tmp_path / "v.zarr").images == (Image("OME-Zarr", "uint16", steps, 2),)
    steps = make_axes(list("zyx"), (2, 3, 4), [5, 2.5, 2.5])
    assert read_tiff(tmp_path / "o.ome.tif").images == (Image("OME-TIFF", "uint8", steps),)
    axes = make_axes([], (4, 5, 6))
    found = read_hdf5(tmp_path / "v.h5").images
    assert found == (Image("HDF5", "float32", axes, part="entry/data"),)


def test_slices_and_chunks_are_one_thing() -> None:
    names = [f"s/img_{n:04d}.tif" for n in range(100)] + ["v.zarr/0/c/0", "v.zarr/0/c/1", "a.txt"]
    assert [(one.name, one.kind, len(one.files)) for one in group_files(names)] == [
        ("a.txt", "file", 1),
        ("s/img_#.tif", "stack", 100),
        ("v.zarr", "zarr", 2),
    ]


def test_a_field_is_explained_and_a_mistyped_one_guessed() -> None:
    output = CliRunner().invoke(app, ["curate", "--explain", "voxel_size"]).stdout
    assert "um" in output
    assert "required" in output
    wrong = CliRunner().invoke(app, ["curate", "--explain", "voxelsize"])
    assert wrong.exit_code == 2
    assert "voxel_size" in wrong.stderr


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("members.person.orcid", "check digit"),
        ("datasets[0].samples[1].pid", "the same sample"),
        ("document.members[0].affiliation.ror", "ror.org"),
        ("datasets[0].parameters[3].unit", "keV"),
        ("parameters.voxel_size", "um"),
        ("document.title", "cite"),
        ("details.donor", "cause_of_death"),
        ("scan_start", "time zone"),
    ],
)
def test_a_field_within_a_field_is_explained_as_a_problem_names_it(
    name: str, expected: str
) -> None:
    assert expected in CliRunner().invoke(app, ["curate", "--explain", name]).stdout


def test_every_field_of_a_job_can_be_explained() -> None:
    from portal_cli.curation.field_help import FIELD_TEXTS  # noqa: PLC0415
    from portal_shared.contracts.jobs import DatasetIn, DocumentIn  # noqa: PLC0415

    assert set(FIELD_TEXTS) == set(DatasetIn.model_fields) | set(DocumentIn.model_fields)
    missing = [p for m in (DatasetIn, DocumentIn) for p in _paths(m) if not _is_explained(p)]
    assert missing == []


def _paths(model: Any, prefix: str = "") -> list[str]:
    from portal_cli.curation.field_help import inner_model  # noqa: PLC0415

    found: list[str] = []
    for name in model.model_fields:
        found.append(prefix + name)
        inner = inner_model(model, name)
        found += _paths(inner, f"{prefix}{name}.") if inner else []
    return found


def _is_explained(path: str) -> bool:
    return CliRunner().invoke(app, ["curate", "--explain", path]).exit_code == 0


def test_a_long_list_goes_into_a_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal_cli.curation.builder.MAX_LISTED_FILES", 3)
    volume(tmp_path / "data/overview")
    (tmp_path / "data/metadata.yaml").write_text(yaml.safe_dump(described()))
    code, _ = run(tmp_path / "data", "--output", tmp_path / "job.json")
    assert code == 0
    dataset = Job.model_validate_json((tmp_path / "job.json").read_bytes()).datasets[0]
    assert dataset.files == ()
    assert dataset.manifest == "portal-manifest.sha256"
    lines = (tmp_path / "data/overview" / dataset.manifest).read_text().splitlines()
    assert [line[66:] for line in lines] == sorted(line[66:] for line in lines)
    assert os.system(f"cd {tmp_path}/data/overview && sha256sum -c --quiet {dataset.manifest}") == 0  # noqa: S605
