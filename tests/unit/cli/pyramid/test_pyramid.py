"""Pyramids: levels, positions, windows, and the validator of the OME-NGFF community."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from ome_zarr_models.v05.image import Image
from portal_cli.pyramid import plan
from portal_cli.pyramid.means import halve
from portal_cli.pyramid.shards import LevelReader
from portal_cli.pyramid.source import SourceFault

from tests.drivers.curation.arrays import digest, pyramid_of, ramp


def attributes(group: zarr.Group) -> Any:
    return group.attrs["ome"]


def means(voxels: Any) -> Any:
    """The means of 2 x 2 x 2 voxels, one by one; at an odd end, of those that are there."""
    shape = tuple(-(-n // 2) for n in voxels.shape)
    found = np.empty(shape, voxels.dtype)
    for z, y, x in np.ndindex(shape):
        part = voxels[2 * z : 2 * z + 2, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
        mean = part.astype(np.float64).mean()
        found[z, y, x] = mean if voxels.dtype.kind == "f" else np.floor(mean + 0.5)
    return found


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "uint32", "float32", "float64"])
def test_a_level_is_the_mean_of_the_one_before(tmp_path: Path, dtype: str) -> None:
    voxels = ramp((70, 5, 67), dtype)
    group = pyramid_of(tmp_path, voxels)
    assert np.array_equal(group["0"][:], voxels)
    assert group["1"][:].dtype == voxels.dtype
    assert np.allclose(group["1"][:], means(voxels), rtol=1e-6)


def test_levels_end_at_64_voxels_and_are_valid_ome_zarr(tmp_path: Path) -> None:
    group = pyramid_of(tmp_path, ramp((130, 257, 20)), voxel_um=2.0)
    shapes = [group[row["path"]].shape for row in attributes(group)["multiscales"][0]["datasets"]]
    assert shapes == [(130, 257, 20), (65, 129, 10), (33, 65, 5), (17, 33, 3)]
    image = Image.from_zarr(group).ome_attributes
    assert image.version == "0.5"
    for number, row in enumerate(image.multiscales[0].datasets):
        scale, translation = row.coordinateTransformations
        assert scale.scale == [2.0 * 2**number] * 3
        assert translation.translation == [2.0 * (2**number - 1) / 2] * 3
    array = json.loads((tmp_path / "volume.ome.zarr/0/zarr.json").read_text("utf-8"))
    assert array["chunk_grid"]["configuration"]["chunk_shape"] == [256, 256, 256]
    assert array["codecs"][0]["configuration"]["chunk_shape"] == [64, 64, 64]
    assert array["dimension_names"] == ["z", "y", "x"]


def test_one_voxel_stays_at_its_place_in_every_level(tmp_path: Path) -> None:
    """A landmark of one voxel: in each level, the voxel that has it contains its centre."""
    place, voxel_um = (97, 30, 61), 2.5
    voxels = np.zeros((150, 40, 130), np.float32)
    voxels[place] = 8.0**4
    group = pyramid_of(tmp_path, voxels, voxel_um=voxel_um)
    centre = np.array(place) * voxel_um  # index 0 is the centre of the first voxel
    for row in attributes(group)["multiscales"][0]["datasets"]:
        level = group[row["path"]][:]
        scale, translation = (np.array(next(iter(list(t.values())[1:])))
                              for t in row["coordinateTransformations"])  # fmt: skip
        found = np.array(np.unravel_index(level.argmax(), level.shape))
        distance = np.abs(translation + found * scale - centre)
        assert (distance <= (scale - voxel_um) / 2 + 1e-9).all(), row["path"]
        assert (level > 0).sum() == 1
        corner = found * scale  # without the translation, a level would lie half a voxel off
        assert row["path"] == "0" or not np.allclose(corner, translation + found * scale)


def test_the_window_is_that_of_the_measured_voxels(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    voxels = rng.normal(20_000, 1_000, (80, 80, 80)).astype(np.uint16)
    voxels[:40] = 0  # outside of the cylinder of a scan
    window = attributes(pyramid_of(tmp_path, voxels))["omero"]["channels"][0]["window"]
    start, end = np.percentile(voxels[voxels > 0], (0.5, 99.5))
    assert (window["start"], window["end"]) == (round(start), round(end))
    assert (window["min"], window["max"]) == (0, 65535)


@pytest.mark.parametrize("value", [0, 7])
def test_a_volume_of_one_value_has_a_window(tmp_path: Path, value: int) -> None:
    group = pyramid_of(tmp_path, np.full((70, 70, 70), value, np.uint8))
    assert (group["1"][:] == value).all()
    window = attributes(group)["omero"]["channels"][0]["window"]
    assert window["start"] < window["end"]


def test_nan_is_left_out_of_means_and_window(tmp_path: Path) -> None:
    voxels = np.full((66, 66, 66), np.nan, np.float32)
    voxels[::2, ::2, ::2] = 3
    voxels[:2, :2, :2] = np.nan
    group = pyramid_of(tmp_path, voxels)
    level = group["1"][:]
    assert np.isnan(level[0, 0, 0])
    assert np.nanmin(level) == np.nanmax(level) == 3
    window = attributes(group)["omero"]["channels"][0]["window"]
    assert window["start"] == 3


def test_integers_are_rounded_half_up() -> None:
    assert halve(np.array([[[0, 1], [1, 1]], [[1, 0], [0, 0]]], np.uint8)).item() == 1
    assert halve(np.array([[[65535] * 2] * 2] * 2, np.uint16)).item() == 65535
    assert halve(np.array([[[-1, -1], [-1, -1]], [[0, 0], [0, 0]]], np.int16)).item() == 0


@pytest.mark.parametrize("block", [(1, 300, 270), (1, 1, 270), (64, 64, 64), (100, 90, 33)])
def test_bytes_do_not_depend_on_how_the_source_is_read(
    tmp_path: Path, block: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    voxels = ramp((260, 300, 270), "uint8")
    pyramid_of(tmp_path / "memory", voxels)
    monkeypatch.setattr(plan, "REGION_BYTES", 1 << 20)  # now a scratch file is needed
    pyramid_of(tmp_path / "scratch", voxels, block=block)
    assert digest(tmp_path / "memory") == digest(tmp_path / "scratch")
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == ["volume.ome.zarr"]


def test_a_damaged_chunk_is_reported(tmp_path: Path) -> None:
    pyramid_of(tmp_path, ramp((64, 64, 64)))
    array = tmp_path / "volume.ome.zarr/0"
    shard = array / "c/0/0/0"
    content = bytearray(shard.read_bytes())
    content[12:16] = b"\xff\xff\xff\xff"  # the length in the header of Blosc
    shard.write_bytes(content)
    level = LevelReader(array, (64, 64, 64), np.dtype("uint16"))
    box = (slice(0, 64),) * 3
    with pytest.raises(SourceFault, match=r"0/c/0/0/0: its chunk 0, 0, 0 is damaged"):
        level.read(box)
    shard.write_bytes(content[:-1])
    with pytest.raises(SourceFault, match="checksum of its index"):
        level.read(box)
