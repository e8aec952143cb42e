"""A box out of an OME-Zarr, in each format, read by the formats' own readers: voxel for voxel."""

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import nrrd
import numpy as np
import pytest
import tifffile
import zarr
from portal_downloader.crops import box as boxes
from portal_downloader.crops import containers, grid, volume
from portal_downloader.crops.box import Box, BoxTooLarge, InvalidBox
from portal_downloader.crops.grid import Grid
from portal_downloader.crops.volume import InvalidVolume
from portal_downloader.crops.voxels import CacheStore, Voxels
from portal_downloader.http.segments import StoredContent

SHAPE = (50, 60, 70)
WHOLE = Box((0, 0, 0), SHAPE)
ODD = Box((3, 17, 30), (41, 44, 69))
STEP = (2.5, 5.0, 10.0)


def written(
    folder: Path, *, version: int = 3, axes: str = "zyx", dtype: str = "uint16", **more: Any
) -> np.ndarray[Any, Any]:
    """A volume of one level whose first voxel is half a step from the origin; as z, y, x."""
    voxels = np.random.default_rng(1).integers(0, 200, SHAPE).astype(dtype)
    scale = dict(zip("zyx", STEP, strict=True))
    ome: dict[str, Any] = {
        "version": "0.5",
        "multiscales": [
            {
                "axes": [
                    {"name": a, "type": "space", "unit": "micrometer"}
                    if a in scale
                    else {"name": a}
                    for a in axes
                ],
                "datasets": [
                    {
                        "path": "s0",
                        "coordinateTransformations": [
                            {"type": "scale", "scale": [scale.get(a, 1) for a in axes]},
                            {
                                "type": "translation",
                                "translation": [scale.get(a, 0) / 2 for a in axes],
                            },
                        ],
                    }
                ],
            }
        ],
    }
    attributes = {"ome": ome} if version == 3 else ome
    order = [a for a in axes if a in scale]
    reported = voxels.transpose(["zyx".index(a) for a in order])
    reported = reported.reshape([reported.shape[order.index(a)] if a in scale else 1 for a in axes])
    group = zarr.create_group(folder, zarr_format=version, attributes=attributes)  # type: ignore[arg-type]
    array = group.create_array("s0", shape=reported.shape, dtype=dtype, fill_value=7, **more)
    array[...] = reported
    return voxels


def opened(folder: Path) -> tuple[Voxels, volume.Level]:
    files = {
        str(p.relative_to(folder)): StoredContent(str(p), p.stat().st_size)
        for p in folder.rglob("*")
        if p.is_file()
    }
    name = "zarr.json" if (folder / "zarr.json").exists() else ".zattrs"
    level = volume.levels(json.loads((folder / name).read_text()))[0]
    store = CacheStore(files, lambda stored: os.open(stored.sha256, os.O_RDONLY))
    return Voxels(store, level), level


def cut(folder: Path, box: Box, kind: str) -> bytes:
    voxels, level = opened(folder)
    crop = containers.Crop(voxels, box, level.frame.of(box), "a crop", "of a test")
    made = containers.FORMATS[kind](crop)
    content = b"".join(made.portions())
    assert made.length in (None, len(content))
    return content


def tiffed(content: bytes) -> np.ndarray[Any, Any]:
    return tifffile.imread(io.BytesIO(content))


def nrrded(content: bytes) -> np.ndarray[Any, Any]:
    file = io.BytesIO(content)
    header = nrrd.read_header(file)
    return nrrd.read_data(header, file, index_order="C")


def zarred(content: bytes, tmp_path: Path) -> zarr.Array[Any]:
    place = tmp_path / "crop.zip"
    place.write_bytes(content)
    return zarr.open_array(zarr.storage.ZipStore(place, mode="r"), path="0", mode="r")


STORED: list[dict[str, Any]] = [
    {"chunks": (16, 16, 16)},
    {"chunks": (16, 16, 16), "shards": (32, 32, 32)},
    {"version": 2, "chunks": (20, 20, 20)},
    {"version": 2, "chunks": (20, 20, 20), "axes": "xyz", "dtype": ">i2"},
    {"axes": "tczyx", "chunks": (1, 1, 9, 9, 9), "dtype": "float32"},
]


@pytest.mark.parametrize("stored", STORED, ids=str)
@pytest.mark.parametrize("box", [WHOLE, ODD, Box((7, 7, 7), (8, 8, 8))], ids=str)
def test_each_format_has_the_voxels_of_the_box(
    tmp_path: Path, stored: dict[str, Any], box: Box
) -> None:
    voxels = written(tmp_path / "v", **stored)
    (z0, y0, x0), (z1, y1, x1) = box.start, box.stop
    expected = voxels[z0:z1, y0:y1, x0:x1]
    assert np.array_equal(tiffed(cut(tmp_path / "v", box, "tiff")).reshape(box.shape), expected)
    assert np.array_equal(nrrded(cut(tmp_path / "v", box, "nrrd")), expected)
    assert np.array_equal(zarred(cut(tmp_path / "v", box, "zarr"), tmp_path)[...], expected)


def test_each_format_has_the_coordinates_of_the_box(tmp_path: Path) -> None:
    written(tmp_path / "v", chunks=(16, 16, 16))
    first = [s / 2 + s * n for s, n in zip(STEP, ODD.start, strict=True)]
    with tifffile.TiffFile(io.BytesIO(cut(tmp_path / "v", ODD, "tiff"))) as tiff:
        reported = tifffile.xml2dict(tiff.ome_metadata or "")["OME"]["Image"]["Pixels"]
    assert [reported[f"PhysicalSize{a}"] for a in "ZYX"] == list(STEP)
    assert reported["PhysicalSizeZUnit"] == "µm"
    assert [reported["Plane"][0][f"Position{a}"] for a in "ZYX"] == first
    assert reported["Plane"][5]["PositionZ"] == first[0] + 5 * STEP[0]
    header = nrrd.read_header(io.BytesIO(cut(tmp_path / "v", ODD, "nrrd")))
    assert np.diag(header["space directions"]).tolist() == list(reversed(STEP))
    assert header["space origin"].tolist() == list(reversed(first))
    content = cut(tmp_path / "v", ODD, "zarr")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        reported = json.loads(archive.read("zarr.json"))
    frame = volume.levels(reported)[0].frame
    assert (list(frame.scale), list(frame.offset)) == (list(STEP), first)


def test_the_same_box_gives_the_same_bytes(tmp_path: Path) -> None:
    written(tmp_path / "v", chunks=(16, 16, 16))
    for kind in containers.FORMATS:
        assert cut(tmp_path / "v", ODD, kind) == cut(tmp_path / "v", ODD, kind)


def test_chunks_that_are_not_stored_have_the_fill_value(tmp_path: Path) -> None:
    written(tmp_path / "v", chunks=(16, 16, 16))
    (tmp_path / "v" / "s0" / "c" / "0" / "0" / "0").unlink()
    found = nrrded(cut(tmp_path / "v", Box((0, 0, 0), (16, 16, 17)), "nrrd"))
    assert set(found[:, :, :16].flat) == {7}


def test_only_the_files_of_a_box_are_listed(tmp_path: Path) -> None:
    written(tmp_path / "v", chunks=(16, 16, 16), shards=(32, 32, 32))
    voxels, _ = opened(tmp_path / "v")
    names = set(voxels.keys(Box((31, 0, 0), (33, 1, 1))))
    assert names == {"s0/c/0/0/0", "s0/c/1/0/0"}


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ({"x": "9"}, "x", "not a range"),
        ({"y": "-1:4"}, "y", "not a range"),
        ({"z": "5:5"}, "z", "empty"),
        ({"x": "60:10"}, "x", "empty"),
        ({"x": "0:71"}, "x", "ends at 70"),
        ({"x": "0:" + "9" * 13}, "x", "not a range"),
    ],
)
def test_an_invalid_range_is_refused_with_field_and_reason(
    query: dict[str, str], field: str, reason: str
) -> None:
    with pytest.raises(InvalidBox, match=reason) as raised:
        boxes.parse_box(query, SHAPE)
    assert (raised.value.field, raised.value.status) == (field, 400)


def test_an_end_left_out_is_the_volumes() -> None:
    assert boxes.parse_box({"x": ":5", "y": "50:"}, SHAPE) == Box((0, 50, 0), (50, 60, 5))


UM = Grid((2.0, 4.0, 8.0), (0.0, 2.0, -10.0))  # z, y, x: the volume begins at -1, 0 and -14 um


@pytest.mark.parametrize(
    ("query", "box"),
    [
        ({}, Box((0, 0, 0), SHAPE)),
        ({"z": "0:0.5"}, Box((0, 0, 0), (1, 60, 70))),  # inside the first voxel
        ({"z": "0.5:3.5"}, Box((0, 0, 0), (3, 60, 70))),
        ({"z": "1:3"}, Box((1, 0, 0), (2, 60, 70))),  # from border to border
        ({"z": "0.99999999:3.00000001"}, Box((1, 0, 0), (2, 60, 70))),
        ({"y": "236.5:"}, Box((0, 59, 0), (50, 60, 70))),
        ({"x": "-14:-6"}, Box((0, 0, 0), (50, 60, 1))),
        ({"x": ":-5.9"}, Box((0, 0, 0), (50, 60, 2))),
        ({"z": "+1e0:9.9e1"}, Box((1, 0, 0), (50, 60, 70))),
    ],
)
def test_a_range_in_um_has_every_voxel_of_which_a_part_is_inside(
    query: dict[str, str], box: Box
) -> None:
    assert grid.parse_box_um(query, SHAPE, UM) == box


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ({"z": "5"}, "z", "not a range of micrometres"),
        ({"z": "nan:5"}, "z", "not a range"),
        ({"y": "1:1e400"}, "y", "not a range"),
        ({"z": "5:5"}, "z", "empty"),
        ({"z": "9:2"}, "z", "empty"),
        ({"z": "-1.1:2"}, "z", "from -1 to 99 um along z"),
        ({"x": "0:546.1"}, "x", "from -14 to 546 um along x"),
    ],
)
def test_an_invalid_range_in_um_is_refused_with_field_and_reason(
    query: dict[str, str], field: str, reason: str
) -> None:
    with pytest.raises(InvalidBox, match=reason) as raised:
        grid.parse_box_um(query, SHAPE, UM)
    assert (raised.value.field, raised.value.status) == (field, 400)


def test_um_are_refused_for_a_volume_without_a_scale() -> None:
    with pytest.raises(InvalidBox, match="no physical scale"):
        grid.parse_box_um({"x": "0:1"}, SHAPE, None)


def test_no_more_is_cut_or_read_than_may_be() -> None:
    with pytest.raises(BoxTooLarge, match="the box has 210000 voxels, at most 1000"):
        boxes.check_size(WHOLE, (8, 8, 8), most=1000, decoded=10**9)
    with pytest.raises(BoxTooLarge, match="have to be read"):
        boxes.check_size(Box((0, 0, 0), (1, 60, 70)), (64, 64, 64), most=10**6, decoded=10**5)


BAD_METADATA: list[Any] = [
    {},
    {"attributes": {"ome": 3}},
    {"multiscales": []},
    {"multiscales": [{"axes": ["z"], "datasets": []}]},
    {"multiscales": [{"axes": [{"name": "x"}, {"name": "y"}], "datasets": []}]},
    {"multiscales": [{"axes": [{"name": a} for a in "zyx"], "datasets": []}]},
    {
        "multiscales": [
            {
                "axes": [{"name": a} for a in "zyx"],
                "datasets": [{"path": "../x", "coordinateTransformations": []}],
            }
        ]
    },
    {
        "multiscales": [
            {
                "axes": [{"name": a} for a in "zyx"],
                "datasets": [
                    {
                        "path": "0",
                        "coordinateTransformations": [{"type": "scale", "scale": ["a", 1, 1]}],
                    }
                ],
            }
        ]
    },
]


def test_a_level_has_the_scale_of_the_whole_image_and_no_unit_without_a_scale() -> None:
    axes = [{"name": a, "type": "space", "unit": "micrometer"} for a in "xyz"]
    steps = [{"type": "scale", "scale": [1, 2, 3]}]
    image: dict[str, Any] = {"axes": axes, "datasets": [{"path": "0"}]}
    level = volume.levels({"multiscales": [image]})[0]
    assert (level.frame.scale, level.frame.units) == ((1, 1, 1), ("pixel",) * 3)
    image |= {"coordinateTransformations": steps}
    level = volume.levels({"multiscales": [image]})[0]
    assert (level.frame.scale, level.axes) == ((3, 2, 1), ("x", "y", "z"))
    assert level.frame.units == ("micrometer",) * 3


@pytest.mark.parametrize("metadata", BAD_METADATA, ids=lambda m: json.dumps(m)[:60])
def test_metadata_without_a_volume_are_refused(metadata: Any) -> None:
    with pytest.raises(InvalidVolume):
        volume.levels(metadata)


def test_an_array_that_cannot_be_cut_is_refused_with_the_reason(tmp_path: Path) -> None:
    written(tmp_path / "v", chunks=(16, 16, 16))
    (tmp_path / "v" / "s0" / "zarr.json").write_text("{}")
    with pytest.raises(InvalidVolume, match="s0"):
        opened(tmp_path / "v")
    written(tmp_path / "w", chunks=(16, 16, 16), dtype="complex64")
    with pytest.raises(InvalidVolume, match="complex64"):
        opened(tmp_path / "w")
