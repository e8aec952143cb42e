"""Which image is the volume, and slices that are not like the others."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image
from portal_cli.curation.logical_files import group_files

from tests.drivers.curation.curated_folder import CuratedFolder

from .test_zarr_headers import write_zarr


def slices(place: Path, numbers: list[int], suffix: str = "tif") -> None:
    place.mkdir(exist_ok=True, parents=True)
    for number in numbers:
        if suffix == "edf":
            head = b"{\nDim_1 = 6 ;\nDim_2 = 5 ;\nDataType = UnsignedShort ;\nSize = 60 ;\n"
            (place / f"s_{number:04d}.edf").write_bytes(head.ljust(510) + b"}\n" + bytes(60))
        elif suffix == "tif":
            tifffile.imwrite(place / f"s_{number:04d}.tif", np.zeros((5, 6), "u2"))
        else:
            Image.new("I;16", (6, 5)).save(place / f"s_{number:04d}.{suffix}")


def test_pictures_beside_a_volume_are_no_volumes(folder: CuratedFolder) -> None:
    write_zarr(folder.path / "v.zarr")
    tifffile.imwrite(folder.path / "photo.tif", np.zeros((50, 60, 3), "u1"), photometric="rgb")
    tifffile.imwrite(folder.path / "grey.tif", np.zeros((50, 60), "u1"))
    for number in range(3):
        Image.new("RGB", (60 + number, 50)).save(folder.path / f"photo_{number}.png")
    found = folder.curate()
    assert found.problems == []
    assert not [w for w in found.warnings if "shape" in w[1]]


def test_other_volumes_are_a_warning_if_one_fits(folder: CuratedFolder) -> None:
    write_zarr(folder.path / "v.zarr")
    for number in range(2):
        tifffile.imwrite(
            folder.path / f"bin2_{number}.tif", np.zeros((2, 3), "u2"), imagej=True,
            resolution=(0.02, 0.02), metadata={"unit": "um"},
        )  # fmt: skip
    with h5py.File(folder.path / "scan.h5", "w") as opened:
        opened["data"] = np.zeros((20, 5, 8), "u2")
    found = folder.curate()
    assert found.problems == []
    assert found.about("bin2_#.tif")
    assert found.about("scan.h5")
    wrong = folder.curate(shape_x=7)
    assert [p[1] for p in wrong.problems] == ["shape_x is 7 here, but v.zarr (OME-Zarr) has 6"]


def test_all_volumes_are_problems_if_none_is_like_the_claims(folder: CuratedFolder) -> None:
    write_zarr(folder.path / "a.zarr")
    write_zarr(folder.path / "b.zarr", unit=None)
    found = folder.curate(shape_x=60, shape_y=50, shape_z=40, voxel_size="2 um")
    assert len(found.problems) == 7
    assert found.warnings == []


def test_the_volume_with_a_wrong_voxel_is_a_problem_beside_its_own_slices(
    folder: CuratedFolder,
) -> None:
    """The slices confirm the shape, but nothing confirms the voxel size."""
    write_zarr(folder.path / "v.zarr", scale=5.0)
    slices(folder.path / "slices", [0, 1, 2, 3])
    assert "voxel_size" in folder.curate().problems[0][1]


@pytest.mark.parametrize("suffix", ["tif", "jp2", "png", "edf"])
def test_every_slice_is_opened(folder: CuratedFolder, suffix: str) -> None:
    slices(folder.path, [0, 1, 2, 3], suffix)
    assert folder.curate().problems == []
    assert folder.curate(shape_z=5).code == 1
    torn = folder.path / f"s_0002.{suffix}"
    content = torn.read_bytes()
    for size in (0, 20, len(content) - 30):
        torn.write_bytes(content[:size])
        reason = dict(folder.curate().problems)[torn.name]
        assert ("is empty" in reason) == (size == 0)


def test_a_slice_of_another_size_or_type_is_a_problem(folder: CuratedFolder) -> None:
    slices(folder.path, [0, 1, 2, 3])
    for odd in (np.zeros((7, 8), "u2"), np.zeros((5, 6), "u1"), np.zeros((3, 5, 6), "u2")):
        tifffile.imwrite(folder.path / "s_0002.tif", odd, photometric="minisblack")
        assert "3 slices of s_#.tif have 6 x 5" in dict(folder.curate().problems)["s_0002.tif"]
    write_zarr(folder.path / "v.zarr")
    found = folder.curate()
    assert found.problems == []
    assert "s_0002.tif" in dict(found.warnings)


def test_of_many_damaged_slices_the_first_are_listed(folder: CuratedFolder) -> None:
    for number in range(300):
        (folder.path / f"s_{number}.tif").touch()
    found = folder.curate()
    assert len(found.problems) == 11
    assert found.problems[-1] == ("s_#.tif", "290 more of its files are empty or damaged")


def test_a_volume_in_colour_is_compared(folder: CuratedFolder) -> None:
    voxels = np.zeros((4, 5, 6, 3), "u1")
    tifffile.imwrite(folder.path / "a.tif", voxels, imagej=True, metadata={"axes": "ZYXS"})
    assert folder.curate().problems == []
    assert folder.curate(shape_z=5).code == 1


def test_a_gap_in_the_numbers_is_a_warning(folder: CuratedFolder) -> None:
    slices(folder.path, [0, 10, 20, 30])
    assert folder.curate().warnings == []
    slices(folder.path, [50])
    found = folder.curate(shape_z=5)
    assert found.problems == []
    assert dict(found.warnings)["s_0040.tif"] == (
        "is missing: the numbers of s_#.tif go from 0 to 50"
    )
    assert folder.curate(shape_z=6).code == 1


def test_a_gap_is_found_in_formats_without_a_reader_but_not_in_photos(
    folder: CuratedFolder,
) -> None:
    for number in (1, 2, 4):
        (folder.path / f"i_{number}.dcm").write_bytes(b"x")
        Image.new("RGB", (60, 50)).save(folder.path / f"photo_{number}.png")
    gaps = [w for w in folder.curate().warnings if "is missing" in w[1]]
    assert [w[0] for w in gaps] == ["i_3.dcm"]


def test_files_with_several_slices_are_added_up_or_alike(folder: CuratedFolder) -> None:
    for number in range(2):
        tifffile.imwrite(
            folder.path / f"v_{number}.tif", np.zeros((2, 5, 6), "u2"), photometric="minisblack"
        )
    assert folder.curate().problems == []
    assert folder.curate(shape_z=2).problems == []
    assert folder.curate(shape_z=3).code == 1


def test_previews_beside_a_format_without_a_reader_are_a_warning(folder: CuratedFolder) -> None:
    (folder.path / "volume.raw").write_bytes(bytes(240))
    for number in range(3):
        Image.new("L", (60, 50)).save(folder.path / f"preview_{number}.png")
    assert folder.curate().problems == []
    assert folder.curate(shape_x=60, shape_y=50).code == 1  # now they are like the volume


def test_a_lone_picture_is_compared_with_a_warning(folder: CuratedFolder) -> None:
    slices(folder.path, [0])
    found = folder.curate()
    assert found.problems == []
    assert "shape_z is 4 here, but s_0000.tif (TIFF) has 1" in found.warnings[0][1]
    assert folder.curate(shape_z=1).warnings == []


@pytest.mark.parametrize(
    "name", ["{:03d}_25.08um.tif", "{}_2024-01-02.tif", "scan#2_{:02d}_of_10.tif", "z{:04d}c1.tif"]
)
def test_slices_whose_number_is_not_the_last_are_a_stack(folder: CuratedFolder, name: str) -> None:
    for number in (8, 9, 10, 11):
        tifffile.imwrite(folder.path / name.format(number), np.zeros((5, 6), "u2"))
    found = folder.curate(voxel_size="25 um")
    assert found.problems == []
    assert found.warnings == []
    (folder.path / name.format(10)).unlink()
    missing = folder.curate(shape_z=3)
    assert [w[0] for w in missing.warnings] == [name.format(10)]
    tifffile.imwrite(folder.path / name.format(10), np.zeros((5, 6), "u1"))
    assert [p[0] for p in folder.curate().problems] == [name.format(10)]


def test_volumes_and_pictures_with_several_numbers_stay_apart() -> None:
    names = ["a_1_25um.h5", "a_2_25um.h5", "a_3_25um.h5", "p_1_10.png", "p_2_10.png", "x_1_1.tif"]
    assert [group.kind for group in group_files(names)] == ["file"] * len(names)
    stacks = group_files(["t_1_1.tif", "t_1_2.tif", "t_2_1.tif", "t_2_2.tif"])
    assert [group.name for group in stacks] == ["t_1_#.tif", "t_2_#.tif"]
