"""GET /data/{pid}/crop: boxes of voxels out of what is online, and a clear answer else."""

import io
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import nrrd
import numpy as np
import pytest
import tifffile
import zarr
from portal_shared.contracts.records import File

from tests.drivers.services.downloader import DownloaderClient, StartDownloader
from tests.drivers.tape import TapeArchive

SHAPE = (40, 50, 60)
SMALL = (16, 20, 24)


def volume(
    tape: TapeArchive, name: str = "v.ome.zarr", shape: tuple[int, int, int] = SHAPE
) -> tuple[np.ndarray[Any, Any], list[File]]:
    """A volume of two levels on tape, and its files."""
    voxels = np.random.default_rng(int(tape.name, 16)).integers(0, 60000, shape).astype("uint16")
    axes = [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"]
    datasets = [
        {
            "path": str(n),
            "coordinateTransformations": [{"type": "scale", "scale": [2.0 * 2**n] * 3}],
        }
        for n in range(2)
    ]
    ome = {
        "version": "0.5",
        "multiscales": [{"name": tape.name, "axes": axes, "datasets": datasets}],
    }
    folder: Path = tape.archive / tape.name / "d" / name
    group = zarr.create_group(folder, zarr_format=3, attributes={"ome": ome})
    for n in range(2):
        level = voxels[:: 2**n, :: 2**n, :: 2**n]
        array = group.create_array(
            str(n),
            shape=level.shape,
            dtype="uint16",
            chunks=(16,) * 3,
            attributes={"of": tape.name},
        )
        array[...] = level
    return voxels, tape.list_files("d")


async def online(downloader: DownloaderClient, tape: TapeArchive) -> np.ndarray[Any, Any]:
    voxels, files = volume(tape)
    await downloader.register("p", files)
    await downloader.final_event(await downloader.request("p"))
    return voxels


@dataclass(frozen=True)
class OnlineVolume:
    """A volume that is online at the downloader, for tests that only cut it."""

    name: str
    voxels: np.ndarray[Any, Any]

    async def crop(self, downloader: DownloaderClient, **more: Any) -> httpx.Response:
        return await replace(downloader, name=self.name).get("p", "crop", **more)


@pytest.fixture(scope="module")
def shared_volumes() -> list[OnlineVolume]:
    """Has the volume of this module, after its first use."""
    return []


@pytest.fixture
async def online_volume(
    downloader: DownloaderClient, tape: TapeArchive, shared_volumes: list[OnlineVolume]
) -> OnlineVolume:
    if not shared_volumes:
        shared_volumes.append(OnlineVolume(tape.name, await online(downloader, tape)))
    return shared_volumes[0]


async def test_a_box_is_cut_in_every_format(
    downloader: DownloaderClient, online_volume: OnlineVolume, tmp_path: Path
) -> None:
    voxels, crop = online_volume.voxels, partial(online_volume.crop, downloader)
    box = {"level": "1", "z": "2:20", "y": "3:", "x": ":17"}
    expected = voxels[::2, ::2, ::2][2:20, 3:, :17]
    answer = await crop(params={**box, "format": "tiff"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/tiff")
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert np.array_equal(tifffile.imread(io.BytesIO(answer.content)), expected)
    answer = await crop(params={**box, "format": "nrrd"})
    file = io.BytesIO(answer.content)
    header = nrrd.read_header(file)
    assert np.array_equal(nrrd.read_data(header, file, index_order="C"), expected)
    assert header["space origin"].tolist() == [0, 12, 8]
    answer = await crop(params={**box, "format": "zarr"})
    (tmp_path / "c.zip").write_bytes(answer.content)
    store = zarr.storage.ZipStore(tmp_path / "c.zip", mode="r")
    assert np.array_equal(zarr.open_array(store, path="0", mode="r")[...], expected)
    assert '.ome.zarr.zip"' in answer.headers["content-disposition"]


async def test_the_first_image_of_bioformats2raw_is_cut(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    layout: Any = {"ome": {"bioformats2raw.layout": 3}}
    zarr.create_group(tape.archive / tape.name / "d" / "v.zarr", attributes=layout)
    voxels, files = volume(tape, "v.zarr/0", SMALL)
    await downloader.register("p", files)
    await downloader.final_event(await downloader.request("p"))
    box = {"z": "2:9", "y": "3:9", "x": ":17", "format": "nrrd"}
    answer = await downloader.get("p", "crop", params=box)
    assert answer.status_code == 200
    file = io.BytesIO(answer.content)
    found = nrrd.read_data(nrrd.read_header(file), file, index_order="C")
    assert np.array_equal(found, voxels[2:9, 3:9, :17])


async def test_a_tag_stays_and_differs_by_box_level_and_format(
    downloader: DownloaderClient, online_volume: OnlineVolume
) -> None:
    crop = partial(online_volume.crop, downloader)
    response = [
        {"x": "0:9"},
        {"x": "0:8"},
        {"x": "0:9", "level": "1"},
        {"x": "0:9", "format": "nrrd"},
    ]
    tags = [(await crop(params=a)).headers["etag"] for a in response]
    assert len(set(tags)) == 4
    same = {"if-none-match": tags[0]}
    answer = await crop(params=response[0], headers=same)
    assert (answer.status_code, answer.content) == (304, b"")
    head = await downloader.http.head(answer.request.url, params=response[0])
    assert (head.status_code, head.headers["etag"]) == (200, tags[0])
    whole = await crop(params=response[0])
    assert head.headers["content-length"] == str(len(whole.content))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"x": "5:5"}, "x"),
        ({"z": "0:41"}, "z"),
        ({"y": "a:b"}, "y"),
        ({"level": "2"}, "level"),
        ({"level": "-1"}, "level"),
        ({"format": "jpeg"}, "format"),
        ({"volume": "no.zarr"}, "volume"),
        ({"colour": "red"}, "colour"),
        ({"x": ["0:1", "0:2"]}, "x"),
    ],
)
async def test_an_invalid_box_is_refused_with_field_and_reason(
    downloader: DownloaderClient, online_volume: OnlineVolume, query: dict[str, Any], field: str
) -> None:
    answer = await online_volume.crop(downloader, params=query)
    reported = answer.json()
    assert (answer.status_code, reported["field"]) == (400, field)
    assert reported["detail"]


async def test_more_than_may_be_cut_at_once_is_refused(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    downloader = await start_downloader(crop_voxels="5000")
    await downloader.register("p", volume(tape)[1])
    needed = [f"v.ome.zarr/{name}" for name in ("zarr.json", "0/zarr.json", "0/c/0/0/0")]
    await downloader.final_event(await downloader.request("p", *needed))
    answer = await downloader.get("p", "crop", params={"x": "0:50"})
    assert answer.status_code == 413
    assert "at most 5000" in answer.json()["detail"]
    answer = await downloader.get("p", "crop", params={"z": "0:1", "level": "0"})
    assert answer.status_code == 413
    assert "chunks of 16 x 16 x 16" in answer.json()["detail"]
    answer = await downloader.get("p", "crop", params={"z": "0:9", "x": "0:9", "y": "0:9"})
    assert answer.status_code == 200


async def test_the_response_for_a_crop_on_tape_contains_the_request_and_recalls_nothing(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    voxels, files = volume(tape)
    await downloader.register("p", files)
    box = {"z": "0:16", "y": "0:16", "x": "15:17"}
    for _ in range(4):
        answer = await downloader.get("p", "crop", params=box)
        if answer.status_code == 200:
            break
        reported = answer.json()
        assert (answer.status_code, reported["state"]) == (503, "ARCHIVED")
        assert int(answer.headers["retry-after"]) > 0
        await downloader.final_event(
            await downloader.request("p", *reported["request"]["body"]["files"])
        )
    found = tifffile.imread(io.BytesIO(answer.content))
    assert np.array_equal(found, voxels[:16, :16, 15:17])
    names = set(tape.recalls)
    inside = "d/v.ome.zarr/"
    assert names == {f"{inside}{n}" for n in ("zarr.json", "0/zarr.json", "0/c/0/0/0", "0/c/0/0/1")}


async def test_one_of_several_volumes_must_be_given(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    volume(tape, "a.zarr", SMALL)
    voxels, files = volume(tape, "b.zarr", SMALL)
    await downloader.register("p", files)
    await downloader.final_event(await downloader.request("p"))
    answer = await downloader.get("p", "crop")
    assert (answer.status_code, answer.json()["field"]) == (400, "volume")
    assert "a.zarr, b.zarr" in answer.json()["detail"]
    answer = await downloader.get("p", "crop", params={"volume": "b.zarr", "z": "0:1"})
    assert np.array_equal(tifffile.imread(io.BytesIO(answer.content)).reshape(SMALL[1:]), voxels[0])


async def test_a_dataset_without_volume_or_that_is_hidden_has_no_crops(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("p", [tape.write("d/a.bin", 3)])
    assert (await downloader.get("p", "crop")).status_code == 404
    _, files = volume(tape)
    await downloader.register("hidden", files, public=False)
    assert (await downloader.get("hidden", "crop")).status_code == 404
