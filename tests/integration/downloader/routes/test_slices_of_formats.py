"""Slices of volumes as other programs write them: each is drawn right, or refused by name."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import zarr
from PIL import Image
from zarr.codecs import BloscCodec, BytesCodec, GzipCodec, ZstdCodec

from tests import volumes
from tests.drivers.services.downloader import DownloaderClient
from tests.drivers.tape import TapeArchive

SHAPE = (6, 10, 14)
CHUNKS = (6, 6, 14)
FLAT, NESTED = ({"name": "v2", "separator": s} for s in "./")
_codecs: Any = numcodecs  # without types
_zarr: Any = zarr
BIG: dict[str, Any] = {"serializer": BytesCodec(endian="big")}

READ: dict[str, tuple[str, dict[str, Any]]] = {
    "v2 flat blosc": (">u2", {"chunk_key_encoding": FLAT, "compressors": _codecs.Blosc()}),
    "v2 nested zstd": ("f4", {"chunk_key_encoding": NESTED, "compressors": _codecs.Zstd()}),
    "v2 flat gzip": ("u1", {"chunk_key_encoding": FLAT, "compressors": _codecs.GZip()}),
    "v2 nested none": (">f4", {"chunk_key_encoding": NESTED, "compressors": None}),
    "v2 zlib tczyx": ("u2", {"compressors": _codecs.Zlib(), "axes": "tczyx"}),
    "v2 xyz": ("u1", {"axes": "xyz"}),
    "v3 blosc": ("u2", {"compressors": BloscCodec(cname="lz4")}),
    "v3 zstd yzx": ("f4", {"compressors": ZstdCodec(), "axes": "yzx"}),
    "v3 gzip flat": ("u1", {
        "compressors": GzipCodec(), "chunk_key_encoding": {"name": "default", "separator": "."},
    }),
    "v3 none big-endian": ("u2", {"compressors": None, **BIG}),
    "v3 big-endian floats": ("f4", BIG),
    "v3 shards": ("u2", {"shards": (6, 12, 14)}),
    "v3 shards xyz": ("u1", {"shards": (14, 12, 6), "axes": "xyz"}),
    "v3 signed": ("i2", {}),
    "v3 no unit": ("u2", {"unit": None}),
    "v3 no scale": ("u2", {"scaled": False}),
}  # fmt: skip


def shown(content: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(content))).astype(int)


def write(folder: Path, name: str, dtype: str = "u2", **more: Any) -> volumes.Voxels:
    """Writes a volume of one level; returns its voxels in the order z, y, x."""
    voxels = (volumes.gradient(SHAPE, "uint16", name=name) % 251).astype(dtype)
    version = 2 if name.startswith("v2") else 3
    stored: dict[str, Any] = {
        "zarr_format": version,
        "name": name,
        "levels": 1,
        "chunks": CHUNKS,
        "voxel_um": (2.0, 2.0, 2.0),  # others are stretched
        **more,
    }
    volumes.write_volume(folder / f"{name}.zarr", voxels, **stored)
    return voxels


def change(path: Path, alter: Callable[[Any], Any]) -> None:
    found = json.loads(path.read_text())
    alter(found)
    path.write_text(json.dumps(found))


async def served(downloader: DownloaderClient, tape: TapeArchive) -> None:
    await downloader.register("p", tape.list_files("d"))
    await downloader.final_event(await downloader.request("p"))


async def test_each_format_is_drawn_right(downloader: DownloaderClient, tape: TapeArchive) -> None:
    folder = tape.archive / tape.name / "d"
    written = {name: write(folder, name, dtype, **more) for name, (dtype, more) in READ.items()}
    written["v2 consolidated"] = write(folder, "v2 consolidated")
    _zarr.consolidate_metadata(folder / "v2 consolidated.zarr", zarr_format=2)
    await served(downloader, tape)
    for name, voxels in written.items():
        planes = {"z": voxels[3], "y": voxels[:, 3], "x": voxels[:, :, 3]}
        for axis, plane in planes.items():
            query = {"volume": f"{name}.zarr", "format": "png", "window": "0:255"}
            answer = await downloader.get("p", f"slices/{axis}/3", params=query)
            assert answer.status_code == 200, (name, axis, answer.text)
            assert np.array_equal(shown(answer.content), plane.astype(int)), (name, axis)
        about = (await downloader.get("p", "volume", params={"volume": f"{name}.zarr"})).json()
        assert about["levels"][0]["dtype"] == np.dtype(voxels.dtype).newbyteorder("<").name
        assert about["levels"][0]["shape"] == list(SHAPE)


def no_multiscales(folder: Path) -> None:
    change(folder / "zarr.json", lambda m: m["attributes"]["ome"].pop("multiscales"))


def no_json(folder: Path) -> None:
    (folder / "zarr.json").write_text("{")


def no_array(folder: Path) -> None:
    (folder / "0/zarr.json").unlink()


def no_axis(folder: Path) -> None:
    def rename(metadata: Any) -> None:
        metadata["attributes"]["ome"]["multiscales"][0]["axes"][0]["name"] = "q"

    change(folder / "zarr.json", rename)


def short_scale(folder: Path) -> None:
    def cut(metadata: Any) -> None:
        row = metadata["attributes"]["ome"]["multiscales"][0]["datasets"][0]
        row["coordinateTransformations"][0]["scale"] = [1.0, 1.0]

    change(folder / "zarr.json", cut)


def unknown_codec(folder: Path) -> None:
    change(folder / "0/zarr.json", lambda m: m["codecs"].append({"name": "squeeze"}))


def no_shape(folder: Path) -> None:
    change(folder / "0/zarr.json", lambda m: m.update(shape=[6, -10, 14]))


def no_number(folder: Path) -> None:
    change(folder / "0/zarr.json", lambda m: m.update(data_type="complex64", fill_value=[0, 0]))


def no_compressor(folder: Path) -> None:
    change(folder / "0/.zarray", lambda m: m.update(compressor={"id": "jpegxl"}))


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "v3 no multiscales": (no_multiscales, "'multiscales' is missing"),
    "v3 no json": (no_json, "not JSON"),
    "v3 no array": (no_array, "level '0'"),
    "v3 no z": (no_axis, "the axes are q, y, x, not z, y and x"),
    "v3 short scale": (short_scale, "values"),
    "v3 codec": (unknown_codec, "squeeze"),
    "v3 negative": (no_shape, "level '0'"),
    "v3 complex": (no_number, "complex64"),
    "v2 jpegxl": (no_compressor, "jpegxl"),
}


async def test_what_cannot_be_drawn_is_refused_by_name(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    folder = tape.archive / tape.name / "d"
    for name, (damage, _) in REFUSED.items():
        write(folder, name)
        damage(folder / f"{name}.zarr")
    await served(downloader, tape)
    for name, (_, reason) in REFUSED.items():
        for path in ("slices/z/3", "thumbnail/small", "volume"):
            answer = await downloader.get("p", path, params={"volume": f"{name}.zarr"})
            assert (answer.status_code, answer.json().get("field")) == (400, "volume"), name
            assert reason in answer.json()["detail"], name
