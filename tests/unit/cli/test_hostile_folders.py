"""portal curate on folders and metadata that are made to hurt: refused by name, nothing is hung."""

import json
import os
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import yaml
import zarr
from PIL import Image
from portal_cli.curation import metadata
from portal_cli.curation.headers.hdf5 import read_hdf5
from portal_cli.curation.headers.image import Axis
from portal_cli.curation.headers.image import Image as ImageHeader
from portal_cli.curation.headers.jpeg2000 import read_jpeg2000
from portal_cli.curation.scanner import scan_folder
from portal_shared import profile as profiles

from .test_curating import described, run

HOA = profiles.load("human-organs")
MILLION = 10**6
TENFOLD = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi"))  # noqa: B905
BOMB = f'<!DOCTYPE OME [<!ENTITY a "aaaaaaaaaa">{TENFOLD}]>'
OME = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="i">\
<Pixels ID="p" SizeX="4" SizeY="3" SizeZ="{z}" SizeC="1" SizeT="1" DimensionOrder="XYZCT"\
 Type="uint8">{inside}<TiffData/></Pixels></Image></OME>'


def problems(tmp_path: Path, **more: object) -> dict[str, str]:
    """Field and reason of each problem that a run finds in tmp_path/data."""
    (tmp_path / "data/metadata.yaml").write_text(yaml.safe_dump(described(**more)))
    code, result = run(tmp_path / "data", "--output", tmp_path / "job.json")
    assert (code == 0) == (result["problems"] == [])
    assert (result["job"] is None) == (code != 0)
    return {p["field"]: p["reason"] for p in result["problems"]}


def test_a_jpeg_2000_has_shape_type_and_levels(tmp_path: Path) -> None:
    Image.new("I;16", (60, 50)).save(tmp_path / "a.jp2", num_resolutions=4)
    Image.new("L", (7, 9)).save(tmp_path / "b.j2k")
    found = [read_jpeg2000(tmp_path / name).images[0] for name in ("a.jp2", "b.j2k")]
    assert found[0] == ImageHeader("JPEG 2000", "uint16", (Axis("y", 50), Axis("x", 60)), 4)
    assert (found[1].lengths, found[1].dtype) == ((9, 7), "uint8")


def test_a_stack_of_jpeg_2000_is_compared_with_the_metadata(tmp_path: Path) -> None:
    place = tmp_path / "data/overview"
    place.mkdir(parents=True)
    for number in range(3):
        Image.new("I;16", (6, 5)).save(place / f"slice_{number:04d}.jp2")
    size = {"shape_z": 4, "shape_y": 5, "shape_x": 6}
    found = problems(tmp_path, parameters={"voxel_size": "25.14 um", "organ": "kidney", **size})
    assert list(found) == ["datasets[0].parameters[3].value"]
    assert "slice_#.jp2 (JPEG 2000) has 3" in found["datasets[0].parameters[3].value"]


def test_a_nexus_file_is_known_by_its_classes(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.nxs", "w") as file:
        file.create_group("entry").attrs["NX_class"] = "NXentry"
        data = file.create_dataset("entry/data", data=np.zeros((2, 3, 4), "uint16"))
        data.attrs["element_size_um"] = [5, 2.5, 2.5]
    axes = (Axis("", 2, 5), Axis("", 3, 2.5), Axis("", 4, 2.5))
    expected = ImageHeader("NeXus", "uint16", axes, part="entry/data")
    assert read_hdf5(tmp_path / "v.nxs").images == (expected,)


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        (BOMB + OME.format(z=1, inside="&i;"), "EntitiesForbidden"),
        (OME.format(z=10**12, inside=""), "claims 1000000000000 frames"),
        (OME.format(z=10**9, inside=""), "claims 1000000000 frames"),
    ],
)
def test_an_xml_bomb_in_a_tiff_is_a_header_that_cannot_be_read(
    tmp_path: Path, description: str, reason: str
) -> None:
    place = tmp_path / "data/overview"
    place.mkdir(parents=True)
    page = np.zeros((3, 4), "uint8")
    tifffile.imwrite(place / "v.ome.tif", page, description=description, metadata=None)
    assert reason in problems(tmp_path)["overview/v.ome.tif"]


def test_a_zip_bomb_is_a_file_like_any_other(tmp_path: Path) -> None:
    """Nothing is unpacked: the file is taken as it is, with its own size."""
    place = tmp_path / "data/overview"
    place.mkdir(parents=True)
    with zipfile.ZipFile(place / "v.zarr.zip", "w", zipfile.ZIP_DEFLATED) as bomb:
        for number in range(4):
            bomb.writestr(f"{number}", bytes(50_000_000))
    with h5py.File(place / "v.h5", "w") as file:  # as gzip within: 8 TB that were never written
        file.create_dataset("d", (20_000, 20_000, 20_000), "u1", chunks=(64, 64, 64),
                            compression="gzip")  # fmt: skip
    (tmp_path / "data/metadata.yaml").write_text(yaml.safe_dump(described(
        parameters={"voxel_size": "25.14 um", "organ": "kidney"})))  # fmt: skip
    code, result = run(tmp_path / "data", "--output", tmp_path / "job.json")
    assert (code, result["files"]) == (0, 2)
    assert result["bytes"] < 1_000_000


def test_a_zarr_whose_metadata_are_a_flood_or_lead_out_is_a_problem(tmp_path: Path) -> None:
    place = tmp_path / "data/overview"
    place.mkdir(parents=True)
    levels = [{"path": "../../other"}]
    group = zarr.create_group(store=place / "out.zarr", zarr_format=3)
    group.attrs["ome"] = {"multiscales": [{"datasets": levels}]}
    flood = place / "flood.zarr/zarr.json"
    flood.parent.mkdir()
    flood.write_bytes(b'{"zarr_format": 3, "attributes": "' + b"a" * 17_000_000 + b'"}')
    found = problems(tmp_path)
    assert "not the path of a level below" in found["overview/out.zarr"]
    assert "16000000 bytes" in found["overview/flood.zarr"]


def test_unusual_names_are_accepted_and_dangerous_ones_refused(tmp_path: Path) -> None:
    place = tmp_path / "data/overview"
    place.mkdir(parents=True)
    for name in ("L'ESRF.txt", 'say "hi".txt', "über 心.txt", "$(rm -rf).txt", "a;b&c.txt"):
        (place / name).write_text("x")
    assert problems(tmp_path) == {}
    for name in ("turned\u202e.txt", "bell\x07.txt", "line\nbreak.txt", "back\\slash.txt"):
        (place / name).write_text("x")
    os.close(os.open(bytes(place) + b"/latin\xff.txt", os.O_CREAT))
    found = problems(tmp_path)
    assert set(found) == {
        "overview/turned\u202e.txt",
        "overview/bell\x07.txt",
        "overview/line\nbreak.txt",
        "overview/back\\slash.txt",
        "overview/latin\\udcff.txt",
    }


def test_links_and_dots_that_lead_out_are_problems_and_not_followed(tmp_path: Path) -> None:
    place = tmp_path / "data/overview"
    place.mkdir(parents=True)
    (place / "a.txt").write_text("x")
    (place / "out").symlink_to(tmp_path)
    (place / "round").symlink_to(place)
    (place / "dangling").symlink_to("nowhere")
    (place / "near").symlink_to("a.txt")
    os.mkfifo(place / "pipe")
    found = problems(tmp_path)
    assert set(found) == {f"overview/{n}" for n in ("out", "round", "dangling", "near", "pipe")}
    assert "out of its folder" in found["overview/out"]
    assert "neither a file nor a folder" in found["overview/pipe"]
    for folder in ("../data/overview", "/etc", "overview/..", "a\\b"):
        assert "datasets[0].folder" in problems(tmp_path, folder=folder)
    (tmp_path / "data/linked").symlink_to("/etc")
    assert "linked" in problems(tmp_path, folder="linked")


@pytest.mark.parametrize("text", ["1" * MILLION + " 1", "1" + " " * MILLION + "1", "[" * MILLION])
def test_a_million_characters_are_parsed_in_linear_time(text: str) -> None:
    """Time that grows with the square of the length would end at the time limit of a test."""
    given = {"datasets": [{"name": "a", "parameters": {"voxel_size": text}}]}
    for name in ("m.json", "m.yaml"):  # JSON is YAML too
        parts, _ = metadata.read(name, json.dumps(given).encode(), HOA)
        assert len(parts["datasets"][0]["parameters"][0]["value"]) >= MILLION
    table = f"name,{text[:50_000]}{text[-50_000:]},voxel_size\na,,{text[:50_000]}{text[-50_000:]}\n"
    _, problems_ = metadata.read("m.csv", table.encode(), HOA)
    assert [p.field for p in problems_] == ["m.csv, line 1, column 2"]


@pytest.mark.parametrize("value", ["1e999", "-1e999 um", "9" * 400])
def test_a_number_too_large_for_one_stays_text_and_is_refused(value: str) -> None:
    given = {"datasets": [{"parameters": {"voxel_size": value}}]}
    parts, _ = metadata.read("m.yaml", yaml.safe_dump(given).encode(), HOA)
    assert parts["datasets"][0]["parameters"] == [{"name": "voxel_size", "value": value}]


def test_headers_of_noise_are_problems_without_warnings(tmp_path: Path) -> None:
    place = tmp_path / "data/overview"
    (place / "n.zarr").mkdir(parents=True)
    noise = os.urandom(300)
    names = ["a.tif", "b.jp2", "c.h5", "n.zarr/zarr.json"]
    for name in names:
        start = {"a.tif": b"II*\0\x08\0\0\0", "c.h5": b"\x89HDF\r\n\x1a\n"}.get(name, b"")
        (place / name).write_bytes(start + noise)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = problems(tmp_path)
    assert set(found) >= {"overview/b.jp2", "overview/c.h5", "overview/n.zarr"}


def test_a_path_that_looks_private_is_a_warning_and_numbers_of_chunks_are_not(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    for location in ("a/DOE^JOHN_19540312/x.txt", "b/c.zarr/12.3.1954", "d/scan_2021-07-03.txt"):
        (data / location).parent.mkdir(parents=True)
        (data / location).write_bytes(b"x")
    found = [w for w in scan_folder(data).warnings if "looks like" in w.reason]
    assert [w.field for w in found] == ["a/DOE^JOHN_19540312/x.txt"]
    assert "names of files are public" in found[0].reason


def test_dicom_files_are_a_warning_since_their_headers_name_patients(tmp_path: Path) -> None:
    for name in ("IM1.dcm", "IM2.DCM", "DICOMDIR", "x.txt"):
        (tmp_path / name).write_bytes(b"x")
    [found] = [w for w in scan_folder(tmp_path).warnings if "DICOM" in w.reason]
    assert found.field == "DICOMDIR"
    assert "and so are 2 more" in found.reason
    assert "remove these fields first" in found.reason
