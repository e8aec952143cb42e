"""Headers of HDF5: locks, parts, links, names of axes."""

import fcntl
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.drivers.curation.curated_folder import CuratedFolder

VOXELS = np.zeros((4, 5, 6), "uint16")
WRITER = """
import sys, h5py
with h5py.File(sys.argv[1], "w", libver="latest") as file:
    file["data"] = [[[0] * 6] * 5] * 4
    file.flush()
    print("open", flush=True)
    input()
    file.swmr_mode = True
    file.flush()
    print("readers", flush=True)
    input()
"""


def write(file: Path, **datasets: Any) -> None:
    with h5py.File(file, "w") as opened:
        for name, content in datasets.items():
            opened.create_dataset(name, data=content)


def test_a_file_that_another_program_has_locked_is_read(folder: CuratedFolder) -> None:
    write(folder.path / "a.h5", data=VOXELS)
    with (folder.path / "a.h5").open("rb+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert folder.curate().problems == []
        assert folder.curate(shape_z=7).code == 1


def test_a_file_that_is_open_for_writing_is_read_or_reported(folder: CuratedFolder) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder.path / "a.h5")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as writer:  # fmt: skip
        assert writer.stdin
        assert writer.stdout
        assert writer.stdout.readline() == "open\n"
        assert "open for writing" in dict(folder.curate().problems)["a.h5"]
        print("go on", file=writer.stdin, flush=True)
        assert writer.stdout.readline() == "readers\n"
        found = folder.curate()
        print("end", file=writer.stdin, flush=True)
    assert found.problems == []
    assert folder.curate().problems == []


def test_parts_of_one_name_and_plane_are_added_up(folder: CuratedFolder) -> None:
    write(folder.path / "m_master.h5", data_000001=VOXELS[:2], data_000002=VOXELS[2:])
    assert folder.curate().problems == []
    assert "2 parts data_#) (HDF5) has 4" in folder.curate(shape_z=5).problems[0][1]


def test_parts_in_files_of_a_series_are_added_up(folder: CuratedFolder) -> None:
    for number in range(2):
        write(folder.path / f"m_data_{number:06d}.h5", data=VOXELS[:2])
    with h5py.File(folder.path / "m_master.h5", "w") as master:
        for number in range(2):
            master[f"data_{number}"] = h5py.ExternalLink(f"m_data_{number:06d}.h5", "data")
        master["elsewhere"] = h5py.ExternalLink("../../gone.h5", "data")
        master["nowhere"] = h5py.SoftLink("/none")
    found = folder.curate()
    assert found.problems == []
    assert [w[1] for w in found.warnings] == [
        "takes data from the file '../../gone.h5', which is outside of the folder"
    ]


def test_slices_in_files_of_their_own_are_a_stack(folder: CuratedFolder) -> None:
    for number in range(4):
        write(folder.path / f"s_{number}.h5", data=VOXELS[:1])
    assert folder.curate().problems == []
    assert folder.curate(shape_z=5).code == 1


def test_a_virtual_dataset_has_its_own_shape_and_names_its_sources(folder: CuratedFolder) -> None:
    write(folder.path / "part.h5", data=VOXELS[:2])
    layout = h5py.VirtualLayout(shape=(4, 5, 6), dtype="u2")
    for number, name in enumerate(("part.h5", "lost.h5")):
        layout[2 * number : 2 * number + 2] = h5py.VirtualSource(name, "data", shape=(2, 5, 6))
    with h5py.File(folder.path / "all.h5", "w") as opened:
        opened.create_virtual_dataset("data", layout)
    found = folder.curate()
    assert found.problems == []
    assert found.about("all.h5", "'lost.h5', which is not in its folder")
    assert not found.about("'part.h5'")


def test_a_raw_scan_is_no_volume(folder: CuratedFolder) -> None:
    with h5py.File(folder.path / "scan.nxs", "w") as opened:
        opened["entry/definition"] = "NXtomo"
        opened["entry/data/data"] = np.zeros((20, 5, 8), "u2")
    assert folder.curate().problems == []


@pytest.mark.parametrize("how", ["labels", "nexus", "axistags"])
def test_axes_with_names_are_compared_by_them(folder: CuratedFolder, how: str) -> None:
    with h5py.File(folder.path / "a.nxs", "w") as opened:
        item = opened.create_dataset("entry/volume", data=VOXELS.T)
        if how == "labels":
            for number, name in enumerate("xyz"):
                item.dims[number].label = name
        elif how == "axistags":
            item.attrs["axistags"] = '{"axes": [{"key": "x"}, {"key": "y"}, {"key": "z"}]}'
        else:
            opened["entry"].attrs.update({"signal": "volume", "axes": ["x", "y", "z"]})
            for name, length in zip("xyz", (6, 5, 4), strict=True):
                opened[f"entry/{name}"] = np.arange(length) * 0.05
                opened[f"entry/{name}"].attrs["units"] = "mm"
    size = "50 um" if how == "nexus" else "25 um"
    found = folder.curate(voxel_size=size)
    assert (found.problems, found.warnings) == ([], [])
    assert folder.curate(voxel_size=size, shape_x=4, shape_z=6).code == 1
    assert (folder.curate().code == 1) == (how == "nexus")


@pytest.mark.parametrize("size", [50.0, [50, 50, 50], [50.0, 50.0], "50", [0, 0, 0]])
def test_a_size_of_any_form_is_compared_or_unknown(folder: CuratedFolder, size: Any) -> None:
    with h5py.File(folder.path / "a.h5", "w") as opened:
        opened.create_dataset("d", data=VOXELS).attrs["element_size_um"] = size
    assert folder.curate().code == (1 if size in (50.0, [50, 50, 50]) else 0)


def test_what_is_no_image_is_passed_over(folder: CuratedFolder) -> None:
    with h5py.File(folder.path / "a.h5", "w") as opened:
        opened["volume"] = VOXELS
        opened["table"] = np.array([(1, 2.0)] * 900, dtype=[("a", "i4"), ("b", "f8")])
        opened.create_dataset("names", data=[["a", "b"]] * 900, dtype=h5py.string_dtype())
        opened["nothing"] = h5py.Empty("f4")
        opened["type"] = np.dtype("u2")
        opened["gone"] = h5py.SoftLink("/none")
    assert folder.curate().problems == []


def test_a_file_that_is_cut_off_is_a_problem(folder: CuratedFolder) -> None:
    write(folder.path / "a.h5", data=np.zeros((40, 50, 60)))
    content = (folder.path / "a.h5").read_bytes()
    (folder.path / "a.h5").write_bytes(content[: len(content) // 2])
    assert "truncated" in dict(folder.curate().problems)["a.h5"]
