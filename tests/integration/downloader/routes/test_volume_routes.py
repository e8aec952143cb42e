"""GET /data/{pid}/volume, slices and thumbnails: pictures of what is online, else how to get it."""

import io
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
from PIL import Image
from portal_shared.contracts.records import File

from tests import volumes
from tests.drivers.services.downloader import SITE, DownloaderClient
from tests.drivers.services.downloader_starters import SharedDownloader
from tests.drivers.tape import TapeArchive

SHAPE = (40, 48, 64)
WHITE = {"format": "png", "window": "0:60000"}


def write(tape: TapeArchive, name: str = "v.ome.zarr", **more: Any) -> list[volumes.Voxels]:
    folder = tape.archive / tape.name / "d" / name
    voxels = volumes.gradient(SHAPE, name=tape.name)  # of its own: others may be in the cache
    stored: dict[str, Any] = {"chunks": (16, 16, 16) if "shards" in more else (32, 32, 32), **more}
    return volumes.write_volume(folder, voxels, name=tape.name, **stored)


UseVolume: TypeAlias = Callable[..., Awaitable[list[volumes.Voxels]]]


@pytest.fixture
def use_volume(
    downloader: DownloaderClient, tape: TapeArchive, shared: SharedDownloader
) -> UseVolume:
    """Makes a volume, of which all is online, the dataset "p"; returns the voxels of its levels."""

    async def use(**more: Any) -> list[volumes.Voxels]:
        def written() -> tuple[list[File], list[volumes.Voxels]]:
            levels = write(tape, **more)
            return tape.list_files("d"), levels

        found: list[volumes.Voxels] = await shared.datasets.use(
            f"volume {more}", downloader, tape, written
        )
        return found

    return use


def of_level(files: list[File], number: int) -> list[str]:
    start = f"v.ome.zarr/{number}/"
    return [f.location for f in files if f.location.startswith(start)]


def pixels(content: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(content)))


def drawn(plane: volumes.Voxels, low: float = 0, high: float = 60000) -> np.ndarray[Any, Any]:
    grey = (plane.astype("float64") - low) * 255 / (high - low)
    return np.rint(np.clip(grey, 0, 255)).astype("uint8")


def smooth(plane: volumes.Voxels) -> np.ndarray[Any, Any]:
    """Where no jump of the gradient is near in the row: a larger picture is smooth across it."""
    jumps = np.abs(np.diff(plane.astype(int), axis=1, prepend=plane[:, :1])) > 1000
    return ~np.any([np.roll(jumps, shift, axis=1) for shift in range(-2, 3)], axis=0)


def close(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    """Whether pictures are the same but for rounding."""
    return one.shape == other.shape and bool(
        (np.abs(one.astype(int) - other.astype(int)) <= 1).all()
    )


async def test_a_plane_of_each_axis_is_drawn(
    downloader: DownloaderClient, use_volume: UseVolume
) -> None:
    levels = await use_volume(scaled=False)  # a voxel is a pixel
    for number, voxels in enumerate(levels):
        planes = {"z": voxels[7], "y": voxels[:, 7], "x": voxels[:, :, 7]}
        for axis, plane in planes.items():
            query = {"level": number, **WHITE}
            answer = await downloader.get("p", f"slices/{axis}/7", params=query)
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"] == "image/png"
            assert close(pixels(answer.content), drawn(plane)), (number, axis)
            assert answer.headers["slice-level"] == str(number)
            assert answer.headers["slice-index"] == "7"
            assert answer.headers["slice-window"] == "0:60000"


async def test_lengths_are_true_in_pictures_of_voxels_that_are_not_cubes(
    downloader: DownloaderClient, use_volume: UseVolume
) -> None:
    levels = await use_volume()  # voxels of 2 x 4 x 8 um
    for axis, shape in {"z": (48, 128), "y": (40, 256), "x": (40, 96)}.items():
        answer = await downloader.get("p", f"slices/{axis}/7", params={"level": 0, **WHITE})
        assert pixels(answer.content).shape == shape
    answer = await downloader.get("p", "slices/z/7", params={"level": 0, **WHITE})
    voxels = np.asarray(Image.open(io.BytesIO(answer.content)).reduce((2, 1)))
    differences = np.abs(voxels.astype(int) - drawn(levels[0][7]).astype(int))
    assert differences[smooth(levels[0][7])].max() <= 6  # of 255


async def test_the_finest_level_that_fits_is_drawn_at_the_place_of_the_index(
    downloader: DownloaderClient, use_volume: UseVolume
) -> None:
    await use_volume()
    answer = await downloader.get("p", "slices/z/21", params=WHITE)
    assert answer.headers["slice-level"] == "0"
    assert pixels(answer.content).shape == (48, 128)
    answer = await downloader.get("p", "slices/z/21", params={**WHITE, "size": 40})
    assert (answer.headers["slice-level"], answer.headers["slice-index"]) == ("1", "10")
    assert pixels(answer.content).shape == (15, 40)  # reduced
    assert answer.headers["slice-pixel-um"] == "8 16"
    answer = await downloader.get("p", "slices/z/mid", params={**WHITE, "size": 16})
    assert (answer.headers["slice-level"], answer.headers["slice-index"]) == ("1", "10")
    assert pixels(answer.content).shape == (6, 16)  # reduced: no level has so few


async def test_a_position_in_micrometres_is_the_plane_whose_centre_is_nearest(
    downloader: DownloaderClient, use_volume: UseVolume
) -> None:
    await use_volume()
    expected = {  # z has voxels of 2 um, so that level 1 has its first centre at 1 um
        ("0", "0"): ("0", "0"), ("0", "-1"): ("0", "0"), ("0", "13.1"): ("7", "14"),
        ("0", "79"): ("39", "78"), ("1", "-1"): ("0", "1"), ("1", "4.9"): ("1", "5"),
        ("1", "79"): ("19", "77"),
    }  # fmt: skip
    for (level, um), (index, position) in expected.items():
        query = {"level": level, "um": um}
        headers = (await downloader.get("p", "slices/z/mid", params=query)).headers
        assert (headers["slice-index"], headers["slice-position-um"]) == (index, position), um
    for um in ("-1.1", "79.1", "1e300"):
        answer = await downloader.get("p", "slices/z/mid", params={"um": um})
        assert (answer.status_code, answer.json()["field"]) == (400, "um")
        assert "from -1 to 79 um along z" in answer.json()["detail"]


async def test_a_slice_has_a_tag_and_is_cached_for_ever_by_its_version(
    downloader: DownloaderClient, use_volume: UseVolume
) -> None:
    await use_volume()
    about = (await downloader.get("p", "volume")).json()
    plain = await downloader.get("p", "slices/z/3")
    assert "immutable" not in plain.headers["cache-control"]
    version = {"v": about["version"]}
    versioned = await downloader.get("p", "slices/z/3", params=version)
    assert "immutable" in versioned.headers["cache-control"]
    assert versioned.headers["etag"] == plain.headers["etag"]
    other = await downloader.get("p", "slices/z/3", params={"v": "0.0"})
    assert "immutable" not in other.headers["cache-control"]
    same = {"if-none-match": plain.headers["etag"]}
    answer = await downloader.get("p", "slices/z/3", params=version, headers=same)
    assert (answer.status_code, answer.content) == (304, b"")
    queries = [{}, {"level": 1}, {"window": "1:2"}, {"format": "png"}, {"size": 20}]
    tags = [(await downloader.get("p", "slices/z/3", params=q)).headers["etag"] for q in queries]
    assert len(set(tags)) == len(queries)
    head = await downloader.http.head(plain.request.url)
    assert (head.status_code, head.headers["etag"]) == (200, plain.headers["etag"])


async def test_a_volume_describes_its_levels_and_pictures(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    write(tape, omero=volumes.OMERO, shards=(32, 32, 32))
    files = tape.list_files("d")
    await downloader.register("p", files)
    wanted = [f.location for f in files if f.location.endswith("zarr.json")]
    await downloader.final_event(
        await downloader.request("p", *dict.fromkeys([*wanted, *of_level(files, 1)]))
    )
    about = (await downloader.get("p", "volume")).json()
    base = f"{SITE}/data/{tape.name}%2Fp/"
    assert about["pid"] == downloader.pid("p")
    assert (about["volume"], about["volumes"]) == ("v.ome.zarr", ["v.ome.zarr"])
    assert about["url"] == f"{base}v.ome.zarr/"
    assert (about["axes"], about["unit"]) == (["z", "y", "x"], "micrometer")
    assert about["window"] == {"start": 1000, "end": 51000, "source": "metadata"}
    fine, coarse = about["levels"]
    assert fine["shape"] == list(SHAPE)
    assert fine["voxel_um"] == [2, 4, 8]
    assert fine["translation_um"] == [0, 0, 0]
    assert coarse["voxel_um"] == [4, 8, 16]
    assert coarse["translation_um"] == [1, 2, 4]
    assert (fine["chunk"], fine["shard"], fine["dtype"]) == ([16] * 3, [32] * 3, "uint16")
    assert (fine["online"], coarse["online"]) == (False, True)
    size = sum(f.size or 0 for f in files if f.location.startswith("v.ome.zarr/0/"))
    assert (fine["bytes"], fine["files"]) == (size, len(of_level(files, 0)))
    assert coarse["url"] == f"{base}v.ome.zarr/1/"
    slices = f"{base}slices/{{axis}}/{{index}}?v={about['version']}"
    assert about["slices"] == slices + "{&level,window,format,size,um}"
    assert about["max_crop_voxels"] == 2**26
    assert about["thumbnail"] == f"{base}thumbnail/{{size}}?v={about['version']}{{&format}}"


async def test_a_level_on_tape_is_an_answer_with_the_request_to_send(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    write(tape)
    files = tape.list_files("d")
    await downloader.register("p", files)
    for path in ("slices/z/mid", "thumbnail/small", "volume"):
        answer = await downloader.get("p", path)
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert answer.json()["request"]["body"]["files"] == ["v.ome.zarr/zarr.json"]
    metadata = [f.location for f in files if f.location.endswith("zarr.json")]
    await downloader.final_event(await downloader.request("p", *metadata))
    first = (await downloader.get("p", "slices/z/mid")).json()
    assert first["state"] == "ARCHIVED"
    assert set(first["request"]["body"]["files"]) < set(of_level(files, 0))
    await downloader.final_event(await downloader.request("p", *of_level(files, 1)))
    shown = await downloader.get("p", "slices/z/mid")
    assert (shown.status_code, shown.headers["slice-level"]) == (200, "1")
    version = (await downloader.get("p", "volume")).json()["version"]
    shown = await downloader.get("p", "slices/z/mid", params={"v": version})
    assert "immutable" not in shown.headers["cache-control"]  # level 0 is shown once it is online
    fine = await downloader.get("p", "slices/z/mid", params={"level": 0})
    assert fine.status_code == 503
    body = fine.json()["request"]["body"]
    await downloader.final_event(await downloader.request("p", *body["files"]))
    assert (await downloader.get("p", "slices/z/mid")).headers["slice-level"] == "0"
    assert tape.recalls.keys() >= {f"d/{name}" for name in body["files"]}


@pytest.mark.parametrize(("name", "size"), [("small", 160), ("medium", 320), ("large", 640)])
async def test_a_thumbnail_is_a_black_square_with_the_whole_plane(
    downloader: DownloaderClient, use_volume: UseVolume, name: str, size: int
) -> None:
    await use_volume(omero={"channels": [{"window": {"start": -9000, "end": 60000}}]})
    answer = await downloader.get("p", f"thumbnail/{name}", params={"format": "png"})
    assert answer.status_code == 200, answer.text
    shown = pixels(answer.content)
    assert shown.shape == (size, size)
    rows = np.flatnonzero(shown.max(axis=1) > 9)  # 48 x 4 um high, 64 x 8 um wide
    height = size * (48 * 4) / (64 * 8)
    assert abs(len(rows) - height) <= 2
    assert abs(rows[0] - (size - height) / 2) <= 2
    assert (shown[size // 2] > 9).all()


INVALID: list[tuple[str, dict[str, Any], str]] = [
    ("slices/z/40", {}, "index"),
    ("slices/z/20", {"level": "1"}, "index"),
    ("slices/z/-1", {}, "index"),
    ("slices/z/1.5", {}, "index"),
    ("slices/z/", {}, "index"),
    ("slices/z", {}, "index"),
    ("slices/z/1/2", {}, "index"),
    ("slices/w/1", {}, "axis"),
    ("slices/z/1", {"level": "2"}, "level"),
    ("slices/z/1", {"level": "-1"}, "level"),
    ("slices/z/1", {"window": "5:5"}, "window"),
    ("slices/z/1", {"window": "nan:5"}, "window"),
    ("slices/z/1", {"window": "0:1e999"}, "window"),
    ("slices/z/1", {"window": "-1e308:1e308"}, "window"),
    ("slices/z/1", {"window": "7"}, "window"),
    ("slices/z/1", {"size": "0"}, "size"),
    ("slices/z/1", {"size": "4097"}, "size"),
    ("slices/z/1", {"format": "jpeg"}, "format"),
    ("slices/z/1", {"um": "3"}, "um"),
    ("slices/z/mid", {"um": "NaN"}, "um"),
    ("slices/z/mid", {"um": "٣"}, "um"),
    ("slices/z/1", {"volume": "no.zarr"}, "volume"),
    ("slices/z/1", {"colour": "red"}, "colour"),
    ("slices/z/1", {"level": ["0", "1"]}, "level"),
    ("thumbnail/small", {"level": "1"}, "level"),
    ("volume", {"level": "1"}, "level"),
]


async def test_what_is_not_a_slice_is_refused_with_field_and_reason(
    downloader: DownloaderClient, use_volume: UseVolume
) -> None:
    await use_volume()
    for path, query, field in INVALID:
        answer = await downloader.get("p", path, params=query)
        assert (answer.status_code, answer.json().get("field")) == (400, field), (path, query)
        assert answer.json()["detail"]
    answer = await downloader.get("p", "thumbnail/huge")
    assert answer.status_code == 404
    assert "small, medium, large" in answer.json()["detail"]


async def test_a_dataset_that_is_not_public_answers_like_an_unknown_one(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    write(tape)
    await downloader.register("p", tape.list_files("d"), public=False)
    await downloader.final_event(await downloader.request("p"))
    for path in ("slices/z/1", "slices/w/x", "thumbnail/small", "thumbnail/no", "volume"):
        hidden = await downloader.get("p", path)
        unknown = await downloader.get("q", path)
        assert (hidden.status_code, unknown.status_code) == (404, 404)
        assert hidden.text.replace("/p", "/q") == unknown.text


async def test_a_file_of_the_dataset_has_its_address(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    write(tape)
    tape.write("d/volume")
    await downloader.register("p", tape.list_files("d"))
    await downloader.final_event(await downloader.request("p"))
    assert (await downloader.get("p", "volume")).content == tape.content("d/volume")
    assert (await downloader.get("p", "slices/z/1")).headers["content-type"] == "image/webp"


async def test_a_dataset_without_a_volume_has_no_pictures(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("p", [tape.write("d/x.tif")])
    for path in ("slices/z/1", "thumbnail/small", "volume"):
        answer = await downloader.get("p", path)
        assert answer.status_code == 404
        assert "no OME-Zarr" in answer.json()["detail"]


async def test_a_thumbnail_of_the_dataset_is_sent_as_its_file(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    write(tape)
    tape.write("d/thumbnails/small.webp")
    tape.write("d/thumbnails/large.png")
    roles = {"thumbnails": "thumbnail"}
    files = [
        f.model_copy(update={"role": roles.get(f.path or "", "data")}) for f in tape.list_files("d")
    ]
    await downloader.register("p", files)
    await downloader.final_event(await downloader.request("p"))
    small = await downloader.get("p", "thumbnail/small")
    assert small.content == tape.content("d/thumbnails/small.webp")
    assert small.headers["etag"].startswith('"sha256-')
    large = await downloader.get("p", "thumbnail/large")
    assert large.content == tape.content("d/thumbnails/large.png")
    assert large.headers["content-type"] == "image/png"
    version = (await downloader.get("p", "volume")).json()["version"]
    versioned = await downloader.get("p", "thumbnail/small", params={"v": version})
    assert "immutable" in versioned.headers["cache-control"]
    drawn_ones: list[tuple[str, dict[str, str]]] = [
        ("thumbnail/medium", {}),
        ("thumbnail/small", {"format": "png"}),
    ]
    for path, query in drawn_ones:
        answer = await downloader.get("p", path, params=query)
        assert answer.headers["etag"].startswith('"slice-'), path
