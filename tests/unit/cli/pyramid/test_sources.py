"""Each format is read right, or refused by name."""

import gzip
import struct
import warnings
from pathlib import Path
from typing import Any

import h5py
import imagecodecs
import numcodecs
import numpy as np
import pytest
import rasterio
import tifffile
import zarr
from portal_cli.curation.sources import jpeg2000
from portal_cli.pyramid.plan import MIB
from portal_cli.pyramid.source import SourceFault
from zarr.codecs import BloscCodec, BytesCodec, GzipCodec, ZstdCodec

from tests.drivers.curation.arrays import ramp
from tests.drivers.curation.scanned import SHAPE, ScannedVolume

DTYPES = ["uint8", "uint16", "float32"]
TIFFS: dict[str, dict[str, Any]] = {
    "plain": {},
    "big-endian": {"byteorder": ">"},
    "compressed": {"compression": "zlib", "predictor": True},
    "lzw strips": {"compression": "lzw", "rowsperstrip": 3},
    "tiles": {"tile": (16, 32)},
    "bigtiff": {"bigtiff": True, "compression": "zstd"},
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", TIFFS)
def test_a_stack_of_tiff_is_read(scanned: ScannedVolume, kind: str, dtype: str) -> None:
    voxels = scanned.write_tiff(ramp(SHAPE, dtype), **TIFFS[kind])
    assert scanned.curate("--pyramid").problems == []
    assert scanned.has(voxels)


@pytest.mark.parametrize(
    "options",
    [{"imagej": True}, {"ome": True}, {"compression": "zlib"}, {"byteorder": ">", "bigtiff": True}],
    ids=["imagej", "ome", "pages", "big-endian"],
)
def test_the_pages_of_one_tiff_are_read(scanned: ScannedVolume, options: dict[str, Any]) -> None:
    voxels = ramp(SHAPE)
    more: dict[str, Any] = {} if "compression" in options else {"metadata": {"axes": "ZYX"}}
    tifffile.imwrite(scanned.path / "volume.tif", voxels, **options, **more)
    assert scanned.curate("--pyramid").problems == []
    assert scanned.has(voxels)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_stack_of_jpeg2000_is_read(scanned: ScannedVolume, dtype: str) -> None:
    voxels = ramp((9, 40, 70), dtype)
    for number, plane in enumerate(voxels):
        content = imagecodecs.jpeg2k_encode(plane, level=0, codecformat="jp2")
        (scanned.path / f"s{number:03}.jp2").write_bytes(content)
    assert scanned.curate("--pyramid", shape=voxels.shape).problems == []
    assert scanned.has(voxels)


def write_tiled(path: Path, plane: Any) -> None:
    rows, columns = plane.shape
    options = {"BLOCKXSIZE": 64, "BLOCKYSIZE": 512, "REVERSIBLE": "YES", "QUALITY": "100"}
    size = {"width": columns, "height": rows, "count": 1, "dtype": plane.dtype.name}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the image has no place on the Earth
        with rasterio.open(path, "w", driver="JP2OpenJPEG", **size, **options) as image:
            image.write(plane, 1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("tiled", [False, True], ids=["one tile", "tiles"])
def test_large_slices_of_jpeg2000_are_read_by_rows(
    scanned: ScannedVolume, dtype: str, monkeypatch: pytest.MonkeyPatch, *, tiled: bool
) -> None:
    monkeypatch.setattr(jpeg2000, "MAX_WHOLE_BYTES", 0)
    monkeypatch.setattr(imagecodecs, "jpeg2k_decode", lambda *_, **__: 1 / 0)
    voxels = ramp((3, 2100, 70), dtype)  # two windows of 1024 rows, and a part of one
    for number, plane in enumerate(voxels):
        path = scanned.path / f"s{number:03}.jp2"
        if tiled:
            write_tiled(path, plane)
        else:
            path.write_bytes(imagecodecs.jpeg2k_encode(plane, level=0, codecformat="jp2"))
    assert scanned.curate("--pyramid", shape=voxels.shape).problems == []
    assert scanned.has(voxels)


def test_a_large_slice_of_jpeg2000_takes_little_memory(tmp_path: Path) -> None:
    """Of one tile: the file and some rows. Of tiles: less, because one is decoded at a time."""
    write_tiled(tmp_path / "a.jp2", ramp((600, 130), "uint16"))
    with (tmp_path / "a.jp2").open("r+b") as file:
        file.truncate(300 * MIB)  # sparse: only its size and its header are read
    lengths = (20_000, 20_000)
    slices = jpeg2000.Jpeg2000Slices(tmp_path, ["a.jp2"], lengths, "uint16")
    assert slices.rows_at_once == 1024
    assert slices.decoded_bytes < 210 * MIB
    assert slices.shape == (1, *lengths)


@pytest.mark.parametrize("limit", [0, jpeg2000.MAX_WHOLE_BYTES], ids=["windows", "whole"])
def test_a_slice_of_jpeg2000_that_differs_is_refused(
    tmp_path: Path, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jpeg2000, "MAX_WHOLE_BYTES", limit)
    for number, shape in enumerate([(40, 70), (40, 60)]):
        write_tiled(tmp_path / f"{number}.jp2", ramp(shape, "uint16"))
    slices = jpeg2000.Jpeg2000Slices(tmp_path, ["0.jp2", "1.jp2"], (40, 70), "uint16")
    assert np.array_equal(slices.rows(0, 3, 9), ramp((40, 70), "uint16")[3:9])
    with pytest.raises(SourceFault, match="has 60 x 40 voxels of uint16, but the stack has 70 x"):
        slices.rows(1, 3, 9)
    (tmp_path / "1.jp2").write_bytes(b"\0" * 100)
    with pytest.raises(SourceFault, match=r"1.jp2.*(damaged|cannot be read)"):
        slices.rows(1, 3, 9)


@pytest.mark.parametrize("dtype", ["uint8", ">u2", "float32"])
@pytest.mark.parametrize("chunks", [None, (1, 7, 70), (4, 3, 33)], ids=["plain", "slices", "cubes"])
def test_hdf5_is_read(scanned: ScannedVolume, chunks: Any, dtype: str) -> None:
    voxels = ramp(SHAPE, np.dtype(dtype).name)
    with h5py.File(scanned.path / "volume.h5", "w") as file:
        compression = "gzip" if chunks else None
        file.create_dataset("entry/data", data=voxels.astype(dtype), chunks=chunks,
                            compression=compression)  # fmt: skip
    assert scanned.curate("--pyramid").problems == []
    assert scanned.has(voxels)


def ome_zarr(path: Path, voxels: Any, axes: str, version: int, **more: Any) -> None:
    """Writes one level of an OME-Zarr 0.4 (zarr 2) or 0.5 (zarr 3), not consolidated."""
    kinds = {"t": "time", "c": "channel"}
    rows = [
        {"name": a, "type": kinds.get(a, "space"), **({} if a in kinds else {"unit": "micrometer"})}
        for a in axes
    ]
    scale = [1.0 if a in kinds else 2.5 for a in axes]
    row = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    image = {"axes": rows, "datasets": [row], "version": "0.4"}
    ome: Any = {"multiscales": [image]}
    ome = ome if version == 2 else {"ome": {"version": "0.5", **ome}}
    group = zarr.create_group(path, zarr_format=version, attributes=ome)  # type: ignore[arg-type]
    array: Any = group.create_array("0", shape=voxels.shape, dtype=voxels.dtype, **more)
    array[:] = voxels


V2: dict[str, dict[str, Any]] = {
    "nested blosc": {"compressors": numcodecs.Blosc(cname="lz4"), "separator": "/"},
    "flat zstd": {"compressors": numcodecs.Zstd(), "separator": "."},
    "flat gzip": {"compressors": numcodecs.GZip(), "separator": "."},
    "none": {"compressors": None, "separator": "/"},
}
V3: dict[str, dict[str, Any]] = {
    "blosc": {"compressors": BloscCodec(cname="zstd")},
    "zstd": {"compressors": ZstdCodec()},
    "gzip": {"compressors": GzipCodec()},
    "none": {"compressors": None},
    "big-endian": {"serializer": BytesCodec(endian="big")},
    "sharded": {"chunks": (3, 7, 35), "shards": (9, 7, 70)},
    "flat": {"separator": "."},
}


@pytest.mark.parametrize("dtype", ["uint8", ">u2", "float32"])
@pytest.mark.parametrize("kind", V2)
def test_zarr_2_is_read(scanned: ScannedVolume, kind: str, dtype: str) -> None:
    voxels = ramp((9, 7, 70), np.dtype(dtype).name)
    options = dict(V2[kind])
    options["chunk_key_encoding"] = {"name": "v2", "separator": options.pop("separator")}
    ome_zarr(scanned.path / "s.zarr", voxels.astype(dtype), "zyx", 2, chunks=(4, 5, 33), **options)
    assert scanned.curate("--pyramid").problems == []
    assert scanned.has(voxels)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", V3)
def test_zarr_3_is_read(scanned: ScannedVolume, kind: str, dtype: str) -> None:
    voxels = ramp((9, 7, 70), dtype)
    options = {"chunks": (4, 5, 33), **V3[kind]}
    if separator := options.pop("separator", None):
        options["chunk_key_encoding"] = {"name": "default", "separator": separator}
    if dtype == "uint8" and kind == "big-endian":
        options.pop("serializer")
    ome_zarr(scanned.path / "s.zarr", voxels, "zyx", 3, **options)
    assert scanned.curate("--pyramid").problems == []
    assert scanned.has(voxels)


@pytest.mark.parametrize("axes", ["xyz", "yzx", "tczyx", "cxzy"])
@pytest.mark.parametrize("version", [2, 3])
def test_axes_are_read_in_every_order(scanned: ScannedVolume, axes: str, version: int) -> None:
    voxels = ramp((9, 7, 70))
    stored = voxels.transpose(["zyx".index(a) for a in axes if a in "zyx"])
    stored = stored.reshape([1] * (len(axes) - 3) + list(stored.shape))
    ome_zarr(scanned.path / "s.zarr", stored, axes, version)
    assert scanned.curate("--pyramid").problems == []
    assert scanned.has(voxels)


def n5(path: Path, voxels: Any, compression: dict[str, Any], pack: Any) -> None:
    """Writes an N5 with blocks of 32 x 5 x 4 voxels (x, y, z)."""
    z, y, x = voxels.shape
    level = path / "s0"
    level.mkdir(parents=True)
    block = (32, 5, 4)
    text = (
        f'{{"dimensions": [{x}, {y}, {z}], "blockSize": [32, 5, 4], "dataType": "{voxels.dtype}",'
        f' "compression": {str(compression).replace(chr(39), chr(34)).replace("True", "true")}}}'
    )
    (level / "attributes.json").write_text(text, "utf-8")
    for i in range(-(-x // 32)):
        for j in range(-(-y // 5)):
            for k in range(-(-z // 4)):
                part = voxels[k * 4 : k * 4 + 4, j * 5 : j * 5 + 5, i * 32 : i * 32 + 32]
                lengths = part.shape[::-1]
                assert len(block) == len(lengths)
                content = part.astype(part.dtype.newbyteorder(">")).tobytes()
                (level / f"{i}/{j}").mkdir(parents=True, exist_ok=True)
                head = struct.pack(">HH3I", 0, 3, *lengths)
                (level / f"{i}/{j}/{k}").write_bytes(head + pack(content))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("compression", "pack"),
    [
        ({"type": "raw"}, bytes),
        ({"type": "gzip"}, gzip.compress),
        ({"type": "blosc"}, lambda c: imagecodecs.blosc_encode(c, typesize=1)),
        ({"type": "zstd"}, imagecodecs.zstd_encode),
    ],
    ids=["raw", "gzip", "blosc", "zstd"],
)
def test_n5_is_read(scanned: ScannedVolume, compression: Any, pack: Any, dtype: str) -> None:
    voxels = ramp(SHAPE, dtype)
    n5(scanned.path / "volume.n5", voxels, compression, pack)
    assert scanned.curate("--pyramid").problems == []
    assert scanned.has(voxels)


def test_an_unknown_compression_of_n5_is_refused_by_name(scanned: ScannedVolume) -> None:
    n5(scanned.path / "volume.n5", ramp(SHAPE), {"type": "lz4"}, bytes)
    assert scanned.curate("--pyramid").about("volume.n5/s0", "'lz4'", "blosc")


def test_channels_are_refused_by_name(scanned: ScannedVolume) -> None:
    stored = np.stack([ramp(SHAPE)] * 2)
    ome_zarr(scanned.path / "s.zarr", stored, "czyx", 2)
    assert scanned.curate("--pyramid").about("s.zarr", "2 channels")


def test_voxels_of_other_types_are_refused_by_name(scanned: ScannedVolume) -> None:
    ome_zarr(scanned.path / "s.zarr", ramp(SHAPE).astype("uint64"), "zyx", 2)
    assert scanned.curate("--pyramid").about("s.zarr", "uint64", "uint16")


def test_missing_slices_are_reported(scanned: ScannedVolume) -> None:
    scanned.write_tiff(ramp((9, 7, 70)))
    (scanned.path / "slices/slice_0005.tif").unlink()
    result = scanned.curate("--pyramid", shape=(8, 7, 70))
    assert result.code == 1
    assert ("slices/slice_0005.tif", "is missing: the numbers of slices/slice_#.tif go from 0 to 8"
            ) in result.problems  # fmt: skip
    assert not (scanned.path / "overview.ome.zarr").exists()


def test_all_damaged_slices_are_reported(scanned: ScannedVolume) -> None:
    """The header of a slice is whole, but what it holds cannot be decoded."""
    scanned.write_tiff(compression="zlib")
    names = ["slices/slice_0002.tif", "slices/slice_0006.tif"]
    for name in names:
        with tifffile.TiffFile(scanned.path / name) as file:
            page: Any = file.pages[0]
            offset, length = page.dataoffsets[0], page.databytecounts[0]
        content = bytearray((scanned.path / name).read_bytes())
        content[offset : offset + length] = b"\0" * length
        (scanned.path / name).write_bytes(content)
    result = scanned.curate("--pyramid")
    assert [field for field, _ in result.problems] == names
    assert all("is damaged" in reason for _, reason in result.problems)
    scanned.write_tiff(compression="zlib")
    assert scanned.curate("--pyramid").problems == []
    assert scanned.has(ramp(SHAPE))


def test_a_damaged_chunk_of_zarr_is_reported(scanned: ScannedVolume) -> None:
    ome_zarr(scanned.path / "s.zarr", ramp(SHAPE), "zyx", 3, chunks=(4, 5, 33),
             compressors=GzipCodec())  # fmt: skip
    chunk = scanned.path / "s.zarr/0/c/1/0/2"
    chunk.write_bytes(b"\0" * chunk.stat().st_size)
    assert scanned.curate("--pyramid").about("s.zarr/0", "chunk 1/0/2", "damaged")
