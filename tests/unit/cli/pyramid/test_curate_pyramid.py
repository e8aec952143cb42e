"""`portal curate --pyramid --previews` makes what a folder lacks, and lists it in the job."""

import shutil
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from portal_cli.main import app
from typer.testing import CliRunner

from tests.drivers.curation.arrays import digest, ramp
from tests.drivers.curation.scanned import ScannedVolume
from tests.unit.cli.curation.test_zarr_headers import write_zarr

PICTURES = [f"previews/{a}.{s}" for a in "xyz" for s in ("png", "webp")] + [
    f"thumbnails/{n}.{s}" for n in ("large", "medium", "small") for s in ("png", "webp")
]


def pixels(path: Path) -> Any:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"))


def size_of(path: Path) -> tuple[int, ...]:
    return pixels(path).shape[::-1]


def test_the_job_lists_the_pyramid_and_the_pictures(scanned: ScannedVolume) -> None:
    voxels = scanned.write_tiff()
    result = scanned.curate()
    assert result.problems == []
    made = [f for f in scanned.job_files if not f.startswith("slices/")]
    assert made == sorted(
        [
            "overview.ome.zarr/0/c/0/0/0",
            "overview.ome.zarr/0/zarr.json",
            "overview.ome.zarr/1/c/0/0/0",
            "overview.ome.zarr/1/zarr.json",
            "overview.ome.zarr/zarr.json",
            *PICTURES,
        ]
    )
    assert scanned.has(voxels)


def test_the_job_gives_each_file_its_role(scanned: ScannedVolume) -> None:
    scanned.write_tiff()
    scanned.curate()
    assert scanned.roles == {
        "overview.ome.zarr/0": {("level", 0), ("metadata", None)},
        "overview.ome.zarr/1": {("level", 1), ("metadata", None)},
        "overview.ome.zarr": {("metadata", None)},
        "previews": {("preview", None)},
        "slices": {("data", None)},
        "thumbnails": {("thumbnail", None)},
    }


def test_a_second_run_makes_nothing_and_writes_the_same_job(scanned: ScannedVolume) -> None:
    scanned.write_tiff()
    scanned.curate()
    job, before = scanned.job_files, digest(scanned.path)
    times = {p: p.stat().st_mtime_ns for p in scanned.path.rglob("*") if p.name != "metadata.json"}
    result = scanned.curate()
    assert result.problems == []
    assert scanned.job_files == job
    assert digest(scanned.path) == before
    assert times == {p: p.stat().st_mtime_ns for p in times}


def test_previews_need_a_pyramid(scanned: ScannedVolume) -> None:
    scanned.write_tiff()
    assert scanned.curate("--previews").about("datasets[0]", "add --pyramid")
    assert scanned.curate("--pyramid").problems == []
    assert not (scanned.path / "previews").exists()
    assert scanned.curate("--previews").problems == []
    assert [f for f in scanned.job_files if f.startswith(("prev", "thumb"))] == sorted(PICTURES)


def test_thumbnails_show_the_whole_slice_on_a_black_square(scanned: ScannedVolume) -> None:
    voxels = np.full((3, 20, 40), 60_000, np.uint16)
    voxels[:, :10] = 20_000
    scanned.write_tiff(voxels)
    scanned.curate(shape=voxels.shape)
    for name, size in (("small", 160), ("medium", 320), ("large", 640)):
        picture = pixels(scanned.path / f"thumbnails/{name}.png")
        assert picture.shape == (size, size)
        quarter = size // 4
        assert (picture[: quarter - 2] == 0).all()  # above and below of a slice twice as wide
        assert (picture[-quarter + 2 :] == 0).all()
        assert picture[quarter * 3 - size // 16].min() > 250  # the bright half is below
        webp = pixels(scanned.path / f"thumbnails/{name}.webp")
        assert np.abs(webp.astype(int) - picture).mean() < 4


def test_previews_are_the_middle_slices_with_square_pixels(scanned: ScannedVolume) -> None:
    voxels = ramp((9, 20, 40))
    scanned.write_tiff(voxels)
    scanned.curate(shape=voxels.shape)
    sizes = {a: size_of(scanned.path / f"previews/{a}.png") for a in "zyx"}
    assert sizes == {"z": (40, 20), "y": (40, 9), "x": (20, 9)}
    start, end = (
        scanned.group.attrs["ome"]["omero"]["channels"][0]["window"][n]  # type: ignore[index,call-overload]
        for n in ("start", "end")
    )
    grey = np.rint(np.clip((voxels[4].astype(float) - start) / (end - start), 0, 1) * 255)
    assert np.array_equal(pixels(scanned.path / "previews/z.png"), grey)


def test_long_voxels_of_the_header_make_long_previews(scanned: ScannedVolume) -> None:
    write_zarr(scanned.path / "source.zarr", scale={"z": 8, "y": 2, "x": 2})
    assert scanned.curate(shape=(4, 5, 6), voxel_size="2 um").problems == []
    sizes = {a: size_of(scanned.path / f"previews/{a}.png") for a in "zyx"}
    assert sizes == {"z": (6, 5), "y": (6, 16), "x": (5, 16)}


def test_nothing_is_made_if_there_is_another_problem(scanned: ScannedVolume) -> None:
    scanned.write_tiff()
    result = scanned.curate(shape=(9, 7, 71))
    assert result.about("shape_x")
    assert sorted(p.name for p in scanned.path.iterdir()) == ["metadata.json", "slices"]


def test_a_voxel_size_is_needed_in_the_metadata_or_a_header(scanned: ScannedVolume) -> None:
    lenient = ("--pyramid", "--previews", "--profile", "panosc")
    scanned.write_tiff()
    result = scanned.curate(*lenient, voxel_size=None)
    assert result.about("datasets[0].parameters", "voxel_size is missing")
    assert not (scanned.path / "overview.ome.zarr").exists()
    shutil.rmtree(scanned.path / "slices")
    write_zarr(scanned.path / "source.zarr", scale=3.5, version=2)
    assert scanned.curate(*lenient, voxel_size=None, shape=(4, 5, 6)).problems == []
    level = scanned.group.attrs["ome"]["multiscales"][0]["datasets"][0]  # type: ignore[index,call-overload]
    assert level["coordinateTransformations"][0]["scale"] == [3.5, 3.5, 3.5]  # type: ignore[index,call-overload]


def test_without_the_libraries_the_command_states_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda n, *a: None if n == "PIL" else found(n, *a))
    (tmp_path / "metadata.yaml").write_text("{}", "utf-8")
    ran = CliRunner().invoke(app, ["curate", str(tmp_path), "--pyramid"])
    assert ran.exit_code == 2
    assert "pip install 'portal-cli[imaging]'" in ran.output
    assert "pillow" in ran.output
