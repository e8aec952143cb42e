"""Generated files: real formats, small, the same each time, made once."""

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from ome_zarr_models.v05.image import Image
from portal_cli.curation.headers.tiff import read_tiff
from portal_cli.curation.sources.stack import StackSource
from portal_cli.curation.sources.tiff import TiffSlices, pages_of
from portal_cli.miniature import folder as miniature_folder
from portal_cli.miniature import formats, renderer
from portal_cli.miniature.folder import ensure_folder
from portal_cli.miniature.grid import LEVELS, build_grid
from portal_cli.miniature.specimen import Ball, Specimen
from portal_shared.registration import Matrix, Registration

from tests.drivers.curation.miniatures import miniature, placed


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()
    }


def test_the_same_name_gives_the_same_bytes(tmp_path: Path) -> None:
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        ensure_folder(tmp_path / place, miniature())
    assert content(tmp_path / "a") == content(tmp_path / "b")
    ensure_folder(tmp_path / "a", miniature("other"))
    first, second = content(tmp_path / "a" / "LADAF_kidney"), content(tmp_path / "a" / "other")
    assert first["volume.ome.zarr/0/c.0.0.0"] != second["volume.ome.zarr/0/c.0.0.0"]


@pytest.mark.parametrize("organ", [*sorted(renderer.ORGANS), "thymus"])
@pytest.mark.parametrize("whole", [True, False])
def test_files_are_few_and_small_and_listed(tmp_path: Path, organ: str, *, whole: bool) -> None:
    files, made = ensure_folder(
        tmp_path,
        miniature(
            position=placed(organ, whole=whole, um=25.08 if whole else 3.0),
            voxel_um=25.08 if whole else 3.0,
            shape=(3815, 3815, 3815),
        ),
    )
    there = content(tmp_path / "LADAF_kidney")
    assert made
    assert {f.location: f.size for f in files} == {n: len(body) for n, body in there.items()}
    assert len(files) <= 10
    assert sum(1 for f in (tmp_path / "LADAF_kidney").rglob("*") if f.is_dir()) <= 4
    assert sum(f.size or 0 for f in files) < 600_000


def test_the_volume_is_an_ome_zarr_of_three_levels(tmp_path: Path) -> None:
    ensure_folder(tmp_path, miniature())
    group = zarr.open_group(tmp_path / "LADAF_kidney" / "volume.ome.zarr", mode="r")
    assert group.metadata.zarr_format == 3
    ome: Any = group.attrs["ome"]
    assert ome["version"] == "0.5"
    scales = ome["multiscales"][0]
    assert [(a["name"], a["type"], a["unit"]) for a in scales["axes"]] == [
        (a, "space", "micrometer") for a in "zyx"
    ]
    levels = [np.asarray(group[d["path"]][:]) for d in scales["datasets"]]  # type: ignore[index]
    assert [level.dtype for level in levels] == [np.uint16] * LEVELS
    real = (9479, 3800, 3815)
    for number, (level, dataset) in enumerate(zip(levels, scales["datasets"], strict=True)):
        scale, shift = (t[t["type"]] for t in dataset["coordinateTransformations"])
        assert level.shape == tuple(n // 2**number for n in levels[0].shape)
        for voxels, size, start, wanted in zip(level.shape, scale, shift, real, strict=True):
            assert voxels * size == pytest.approx(wanted * 25.08)
            assert start == pytest.approx((size - 25.08) / 2)
    mean = levels[0][32:34, 12:14, 12:14].mean()
    assert abs(float(levels[1][16, 6, 6]) - mean) <= 1024  # in steps of 2048


def test_the_slices_are_planes_of_the_volume(tmp_path: Path) -> None:
    ensure_folder(tmp_path, miniature())
    place = tmp_path / "LADAF_kidney"
    volume = np.asarray(zarr.open_array(place / "volume.ome.zarr" / "0", mode="r")[:])
    volume = renderer.downsample(volume)
    slices = tifffile.imread(place / "slices.tif")
    step = volume.shape[0] // 4
    assert (slices == volume[step // 2 :: step][:4]).all()


def test_the_slices_are_compressed_and_curation_reads_them(tmp_path: Path) -> None:
    ensure_folder(tmp_path, miniature())
    file = tmp_path / "LADAF_kidney" / "slices.tif"
    planes = tifffile.imread(file)
    assert file.stat().st_size < planes.nbytes / 2
    [image] = read_tiff(file).images
    assert tuple(axis.length for axis in image.axes) == planes.shape
    pages, byteorder = pages_of(file, file.name, 0)
    with closing(StackSource(TiffSlices(file.parent, pages, byteorder))) as source:
        z, y, x = (slice(0, length) for length in planes.shape)
        assert (source.read((z, y, x)) == planes).all()


def test_the_metadata_states_that_the_voxels_are_generated(tmp_path: Path) -> None:
    ensure_folder(tmp_path, miniature())
    text = (tmp_path / "LADAF_kidney" / "metadata.json").read_text("utf-8")
    assert '"about": "Generated miniature' in text
    assert f'"raw_size_bytes_estimate": {2 * 3815 * 3800 * 9479}' in text


def test_the_pyramid_is_valid_for_the_models_of_ome_ngff(tmp_path: Path) -> None:
    ensure_folder(tmp_path, miniature())
    group = zarr.open_group(tmp_path / "LADAF_kidney" / "volume.ome.zarr", mode="r")
    untyped: Any = Image
    found: Image = untyped.from_zarr(group)
    assert len(found.ome_attributes.multiscales[0].datasets) == LEVELS
    omero: Any = found.ome_attributes.model_dump()["omero"]
    assert omero["channels"][0]["window"] == formats.WINDOW


def test_an_organ_is_drawn_on_black_and_a_zoom_fills_its_cylinder() -> None:
    grid = build_grid((3815, 3815, 9479), 25.08)
    organ = renderer.volume(placed().specimen, placed().matrix, grid, is_round=True)
    small = build_grid((3000, 3000, 1500), 2.5)
    matrix: Matrix = Registration((-1875.0, -3750.0, 10_000.0), 20, 1).voxel_matrix
    whole = Specimen("a", "kidney", (47.8, 47.6, 118.9), (Ball((10.0, 0.0, 0.0), 5.0),))
    zoom = renderer.volume(whole, matrix, small, is_round=True)
    for voxels in (organ, zoom):
        assert voxels.dtype == np.uint16
        assert not voxels[:, 0, 0].any()  # outside the field of view
        middle = voxels[voxels.shape[0] // 2].astype(int)
        assert middle[middle > 0].std() > 500  # structure
    share = [(v > 0).mean() for v in (organ, zoom)]
    assert 0.15 < share[0] < 0.5
    assert 0.7 < share[1] < 0.8  # all of a cylinder


def test_a_zoom_outside_of_the_drawn_organ_has_tissue() -> None:
    away = Ball((46.0, 46.0, 100.0), 4.0)
    grid = build_grid((1000, 1000, 1000), 4.0)
    matrix: Matrix = Registration((98_000.0, 44_000.0, 44_000.0), 0, 1).voxel_matrix
    for zooms, expected in (((), False), ((away,), True)):
        specimen = Specimen("a", "heart", (47.8, 47.6, 118.9), zooms)
        assert renderer.volume(specimen, matrix, grid, is_round=True).any() == expected


@pytest.mark.parametrize("organ", ["heart", "kidney", "lung", "femaleGenitalia"])
def test_what_is_left_out_around_an_organ_is_empty(
    organ: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is larger than it is drawn, because of a zoom."""
    grid = build_grid((3815, 3815, 9479), 25.08)
    whole = placed(organ)
    specimen = Specimen("a", organ, whole.specimen.half_mm, (Ball((20.0, -36.0, 70.0), 9.0),))
    found = renderer.volume(specimen, whole.matrix, grid, is_round=False)
    parts = [(slice(n, n + 8), slice(None), slice(None)) for n in range(0, grid.shape[0], 8)]

    def all_parts(*_: object) -> Any:
        return parts

    monkeypatch.setattr(renderer, "parts_with_tissue", all_parts)
    assert np.array_equal(renderer.volume(specimen, whole.matrix, grid, is_round=False), found)
    assert 0 < (found > 0).mean() < 0.6


def test_what_is_there_and_intact_is_left_alone(tmp_path: Path) -> None:
    files, made = ensure_folder(tmp_path, miniature())
    stamps = {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*")}
    again, made_again = ensure_folder(tmp_path, miniature())
    assert (made, made_again) == (True, False)
    assert again == files
    assert {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*")} == stamps


@pytest.mark.parametrize("harm", ["flip", "truncate", "remove", "add", "no sums"])
def test_what_is_damaged_is_made_again(tmp_path: Path, harm: str) -> None:
    files, _ = ensure_folder(tmp_path, miniature())
    before = content(tmp_path)
    place = tmp_path / "LADAF_kidney"
    shard = place / "volume.ome.zarr" / "0" / "c.0.0.0"
    if harm == "flip":
        body = shard.read_bytes()
        shard.write_bytes(body[:100] + bytes([body[100] ^ 1]) + body[101:])
    elif harm == "truncate":
        shard.write_bytes(shard.read_bytes()[:-1])
    elif harm == "remove":
        shard.unlink()
    elif harm == "add":
        (place / "stray").write_text("x")
    else:
        (place / miniature_folder.SUMS).unlink()
    assert ensure_folder(tmp_path, miniature()) == (files, True)
    assert content(tmp_path) == before


def test_a_run_that_was_cut_off_leaves_no_half_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(formats, "write_slices", cut)
        with pytest.raises(OSError, match="no space"):
            ensure_folder(tmp_path, miniature())
    assert not (tmp_path / "LADAF_kidney").exists()
    ensure_folder(tmp_path, miniature())
    assert sorted(f.name for f in tmp_path.iterdir()) == ["LADAF_kidney"]


def test_changed_metadata_changes_the_files(tmp_path: Path) -> None:
    before, _ = ensure_folder(tmp_path, miniature())
    after, made = ensure_folder(tmp_path, miniature(metadata={"donor": {"id": "LADAF", "age": 63}}))
    assert made
    changed = {f.location for f in set(before) ^ set(after)}
    assert changed == {"metadata.json", "SHA256SUMS"}


@pytest.mark.parametrize("shape", [(1, 1, 1), (3815, 3815, 50838), (100000, 10, 10)])
def test_any_shape_has_a_grid(shape: tuple[int, int, int]) -> None:
    found = build_grid(shape, 2.5)
    assert all(n % 8 == 0 and 16 <= n <= 128 for n in found.shape)
