"""Headers of zarr and N5: axes by name, units where they are given, every layout."""

import json
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from portal_cli.curation.headers.n5 import read_n5
from portal_cli.curation.headers.ome_zarr import read_zarr
from zarr.codecs import BloscCodec, ZstdCodec

from tests.drivers.curation.curated_folder import CuratedFolder

LENGTHS = {"x": 6, "y": 5, "z": 4, "c": 2, "t": 3}


def write_zarr(
    place: Path,
    axes: str = "zyx",
    *,
    unit: str | None = "micrometer",
    scale: Any = 25.0,
    whole: float | None = None,
    version: int = 3,
    levels: int = 1,
    rows: Any = (),
) -> None:
    """Writes an OME-Zarr of 6 x 5 x 4 voxels (x, y, z); `whole` is the scale of all levels."""
    described: Any = [
        {"name": a, "type": "space", **({"unit": unit} if unit else {})}
        if a in "xyz"
        else {"name": a, "type": "channel" if a == "c" else "time"}
        for a in axes
    ]
    steps = [(scale[a] if isinstance(scale, dict) else scale) if a in "xyz" else 1 for a in axes]
    datasets = [
        {
            "path": str(n),
            "coordinateTransformations": [{"type": "scale", "scale": [s * 2**n for s in steps]}],
        }
        for n in range(levels)
    ]
    image: dict[str, Any] = {"axes": described if rows == () else rows, "datasets": datasets}
    if whole is not None:
        one = [whole if a in "xyz" else 1 for a in axes]
        image["coordinateTransformations"] = [{"type": "scale", "scale": one}]
    ome = {"version": "0.5" if version == 3 else "0.4", "multiscales": [image]}
    group = zarr.create_group(
        place,
        zarr_format=version,  # type: ignore[arg-type]
        attributes={"ome": ome} if version == 3 else ome,
    )
    for n in range(levels):
        shape = [max(1, LENGTHS[a] // 2**n) for a in axes]
        group.create_array(str(n), shape=shape, dtype="uint16")


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("axes", ["xyz", "zyx", "yxz", "czyx", "tczyx", "xyzc"])
def test_axes_are_found_by_their_names(folder: CuratedFolder, axes: str, version: int) -> None:
    write_zarr(folder.path / "v.ome.zarr", axes, version=version)
    assert folder.curate().problems == []
    wrong = folder.curate(shape_x=4, shape_z=6)
    assert [p[1] for p in wrong.problems] == [
        "shape_z is 6 here, but v.ome.zarr (OME-Zarr) has 4",
        "shape_x is 4 here, but v.ome.zarr (OME-Zarr) has 6",
    ]


def test_the_scales_of_level_and_image_are_multiplied(folder: CuratedFolder) -> None:
    write_zarr(folder.path / "v.zarr", scale=5.0, whole=5.0)
    assert folder.curate().problems == []
    assert "v.zarr (OME-Zarr) has 25 um" in folder.curate(voxel_size="5 um").problems[0][1]


@pytest.mark.parametrize("unit", [None, "", "pixel", "second", "parsnip"])
def test_a_scale_without_a_unit_of_length_contradicts_nothing(
    folder: CuratedFolder, unit: str | None
) -> None:
    write_zarr(folder.path / "v.zarr", unit=unit, scale=1.0)
    assert folder.curate().problems == []
    assert "shape_x" in folder.curate(shape_x=7).problems[0][1]


@pytest.mark.parametrize(
    ("unit", "scale"),
    [
        ("nanometer", 25_000.0), ("millimeter", 0.025), ("angstrom", 250_000), ("um", 25),
        ("\u00b5m", 25), ("\u03bcm", 25), ("Micrometer", 25), ("microns", 25), ("meter", 2.5e-5),
        ("inch", 25 / 25_400),
    ],
)  # fmt: skip
def test_units_of_axes_are_converted(folder: CuratedFolder, unit: str, scale: float) -> None:
    write_zarr(folder.path / "v.zarr", unit=unit, scale=scale)
    assert folder.curate().problems == []
    assert "has 25 um" in folder.curate(voxel_size="12.5 um").problems[0][1]


@pytest.mark.parametrize("scale", [0, -25.0])
def test_a_scale_of_zero_is_unknown_and_a_sign_is_ignored(
    folder: CuratedFolder, scale: float
) -> None:
    write_zarr(folder.path / "v.zarr", scale=scale)
    assert folder.curate().problems == []


def test_voxels_that_are_no_cubes_are_a_warning(folder: CuratedFolder) -> None:
    write_zarr(folder.path / "v.zarr", "xyz", scale={"x": 25, "y": 25, "z": 50})
    found = folder.curate()
    assert found.problems == []
    assert "25 x 25 x 50 um along x, y, z" in found.warnings[0][1]
    assert folder.curate(voxel_size="50 um").code == 1


@pytest.mark.parametrize("version", [2, 3])
def test_the_images_of_bioformats2raw_are_read(folder: CuratedFolder, version: int) -> None:
    layout: Any = {"bioformats2raw.layout": 3}
    zarr.create_group(
        folder.path / "v.zarr",
        zarr_format=version,  # type: ignore[arg-type]
        attributes=layout if version == 2 else {"ome": layout},
    )
    write_zarr(folder.path / "v.zarr/0", scale=5.0, version=version)
    found = folder.curate().problems
    assert [p[1] for p in found] == ["voxel_size is 25 um here, but v.zarr (0) (OME-Zarr) has 5 um"]
    assert folder.curate(voxel_size="5 um").problems == []
    write_zarr(folder.path / "v.zarr/1", scale=25.0, version=version)  # either may be meant
    assert folder.curate().problems == []


@pytest.mark.parametrize("version", [2, 3])
def test_an_array_without_names_fits_in_any_order(folder: CuratedFolder, version: int) -> None:
    zarr.save_array(folder.path / "v.zarr", np.zeros((4, 5, 6), "u2"), zarr_format=version)
    assert folder.curate().problems == []
    swapped = folder.curate(shape_x=4, shape_z=6)
    assert swapped.problems == []
    assert "usual order z, y, x" in swapped.warnings[0][1]
    assert "shape_z is 7 here, but v.zarr (zarr) has 4" in folder.curate(shape_z=7).problems[0][1]


def test_a_group_without_multiscales_has_its_arrays(folder: CuratedFolder) -> None:
    group = zarr.create_group(folder.path / "v.zarr")
    group.create_array("mask", shape=(9, 9), dtype="u1")
    group.create_array("raw/volume", shape=(6, 5, 4), dtype="u2", dimension_names=("x", "y", "z"))
    assert folder.curate().problems == []
    assert "v.zarr (raw/volume)" in folder.curate(shape_x=7).problems[0][1]


def test_a_folder_is_a_zarr_by_its_metadata_not_by_its_name(folder: CuratedFolder) -> None:
    write_zarr(folder.path / "volume", scale=5.0)
    assert "volume (OME-Zarr) has 5 um" in folder.curate().problems[0][1]


def test_codecs_need_not_be_installed(folder: CuratedFolder) -> None:
    write_zarr(folder.path / "v.zarr")
    file = folder.path / "v.zarr/0/zarr.json"
    node = json.loads(file.read_text())
    node["codecs"] = [{"name": "imagecodecs_jpegxl", "configuration": {}}]
    file.write_text(json.dumps(node))
    assert folder.curate().problems == []


def test_a_missing_level_and_an_empty_chunk_are_problems(folder: CuratedFolder) -> None:
    write_zarr(folder.path / "v.zarr", levels=2)
    (folder.path / "v.zarr/0/c/0/0").mkdir(parents=True)
    (folder.path / "v.zarr/0/c/0/0/0").touch()
    (folder.path / "v.zarr/1/zarr.json").unlink()
    found = folder.curate()
    assert "its level '1' is missing" in found.about("v.zarr")[1][1]
    assert "is empty" in dict(found.problems)["v.zarr/0/c/0/0/0"]


CODECS: list[dict[str, Any]] = [
    {"zarr_format": 2, "compressors": None},
    {"zarr_format": 2, "compressors": numcodecs.Blosc()},
    {"zarr_format": 2, "compressors": numcodecs.Zstd()},
    {"zarr_format": 3, "compressors": None},
    {"zarr_format": 3, "compressors": BloscCodec()},
    {"zarr_format": 3, "compressors": ZstdCodec(checksum=True)},
    {"zarr_format": 3, "shards": (40, 40, 40)},
    {"zarr_format": 3, "shards": (40, 40, 40), "compressors": None},
]


@pytest.mark.parametrize("codec", CODECS, ids=[f"codec {n}" for n in range(len(CODECS))])
def test_a_chunk_that_is_cut_off_is_a_problem(folder: CuratedFolder, codec: Any) -> None:
    array: Any = zarr.create_array(
        folder.path / "v.zarr", shape=(40, 40, 40), chunks=(20, 20, 20), dtype="u2", **codec
    )
    noise = np.random.default_rng(1).integers(0, 60_000, (40, 40, 40))
    noise[:20, :20, :20] = 3
    noise[20:, :20, :20] = np.arange(20)
    array[:] = noise
    size = {"shape_x": 40, "shape_y": 40, "shape_z": 40}
    assert folder.curate(**size).problems == []
    names = ("zarr.json", ".zarray", ".zattrs")
    chunks = [p for p in (folder.path / "v.zarr").rglob("*") if p.is_file() and p.name not in names]
    assert chunks
    for chunk in chunks:
        content = chunk.read_bytes()
        for length in (3, len(content) // 2, len(content) - 1):
            chunk.write_bytes(content[:length])
            found = dict(folder.curate(**size).problems)
            assert "cut off" in found[str(chunk.relative_to(folder.path))]
        chunk.write_bytes(content)


def test_axes_of_early_versions_are_read(tmp_path: Path) -> None:
    write_zarr(tmp_path / "a.zarr", "tczyx", version=2, rows=None)  # 0.1: not given
    write_zarr(tmp_path / "b.zarr", "tczyx", version=2, rows=list("tczyx"))  # 0.3: names
    for name in ("a.zarr", "b.zarr"):
        axes = read_zarr(tmp_path / name).images[0].axes
        assert [(a.name, a.length) for a in axes] == [(a, LENGTHS[a]) for a in "tczyx"]


def test_an_n5_has_its_dimensions_in_the_order_x_y_z(folder: CuratedFolder) -> None:
    place = folder.path / "v.n5"
    for level in range(2):
        (place / f"s{level}").mkdir(parents=True)
        found = {"dimensions": [6 // 2**level, 5, 4], "dataType": "uint16",
                 "downsamplingFactors": [2**level] * 3}  # fmt: skip
        (place / f"s{level}/attributes.json").write_text(json.dumps(found))
    resolution = {"pixelResolution": {"dimensions": [25, 25, 25], "unit": "um"}, "n5": "2.5.0"}
    (place / "attributes.json").write_text(json.dumps(resolution))
    assert [i.lengths for i in read_n5(place).images] == [(6, 5, 4), (3, 5, 4)]
    place.rename(folder.path / "25um_overview_bm18")  # as the Atlas names them
    assert "25um_overview_bm18 (s0) (N5) has 6" in folder.curate(shape_x=7).problems[0][1]
    (folder.path / "25um_overview_bm18").rename(place)
    assert folder.curate().problems == []
    assert "v.n5 (s0) (N5) has 6" in folder.curate(shape_x=4, shape_z=6).problems[1][1]
    assert "has 25 um" in folder.curate(voxel_size="50 um").problems[0][1]
