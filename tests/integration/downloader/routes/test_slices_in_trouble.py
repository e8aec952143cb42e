"""Slices while far too many are requested, and of volumes with damaged chunks."""

import asyncio
import shutil
from typing import Any

from portal_shared.contracts.records import File

from tests import volumes
from tests.drivers.services.downloader import DownloaderClient, StartDownloader
from tests.drivers.tape import TapeArchive

SHAPE = (20, 40, 60)
CHUNKS = (10, 20, 30)
READERS, SLICES = 40, 400
SHARD = "v.ome.zarr/0/c/0/0/0"


def write(tape: TapeArchive, shape: tuple[int, int, int] = SHAPE, **more: Any) -> list[File]:
    folder = tape.archive / tape.name / "d" / "v.ome.zarr"
    voxels = volumes.gradient(shape, name=tape.name)
    given: dict[str, Any] = {"levels": 1, "chunks": CHUNKS, "name": tape.name, **more}
    volumes.write_volume(folder, voxels, omero=volumes.OMERO, **given)
    return tape.list_files("d")


async def online(downloader: DownloaderClient, files: list[File], *, version: int = 1) -> None:
    await downloader.register("p", files, version=version)
    end = await downloader.final_event(await downloader.request("p"))
    assert "reason" not in end


async def test_a_flood_of_different_slices_is_refused_before_others_suffer(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    """Readers who each request other slices: what cannot be drawn soon is refused at once."""
    downloader = await start_downloader(
        slices_at_once="1", slices_pending="4", picture_memory_bytes=str(2**20)
    )
    files = write(tape, (8, 512, 512), chunks=(8, 128, 128))
    small = tape.write("d/readme.txt", 500)
    await online(downloader, [*files, small])
    codes: list[int] = []
    numbers = iter(range(SLICES))

    async def read() -> None:
        for number in numbers:
            query = {"window": f"0:{1000 + number}", "format": "png"}
            answer = await downloader.get("p", f"slices/z/{number % 8}", params=query)
            codes.append(answer.status_code)
            if answer.status_code == 429:
                assert int(answer.headers["retry-after"]) >= 1
                assert answer.headers["access-control-allow-origin"] == "*"
                assert "try again later" in answer.json()["detail"]

    async with asyncio.timeout(300), asyncio.TaskGroup() as readers:
        for _ in range(READERS):
            readers.create_task(read())
        assert (await downloader.get("p", "readme.txt")).status_code == 200
        assert (await downloader.http.get("/health")).status_code == 200
    assert set(codes) == {200, 429}
    assert (await downloader.get("p", "slices/z/1")).status_code == 200


async def test_a_damaged_chunk_is_reported_to_the_reader_and_to_operators(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    """Its checksum is right: it was damaged before it was archived."""
    write(tape)
    chunk = tape.archive / tape.name / "d/v.ome.zarr/0/c/1/0/1"
    content = chunk.read_bytes()
    chunk.write_bytes(content[: len(content) // 2])
    before = (await downloader.status())["damaged_files"]
    await online(downloader, tape.list_files("d"))
    for _ in range(2):
        answer = await downloader.get("p", "slices/y/7")
        assert answer.status_code == 422
        body = answer.json()
        assert (body["chunk"], body["location"]) == ([1, 0, 1], "v.ome.zarr/0/c/1/0/1")
        assert "chunk 1/0/1 (z/y/x) in 'v.ome.zarr/0/c/1/0/1' is damaged" in body["detail"]
    assert (await downloader.get("p", "slices/z/3")).status_code == 200  # of other chunks
    assert (await downloader.get("p", "slices/z/13")).status_code == 422
    assert (await downloader.status())["damaged_files"] == before + 1
    [reported] = await damaged(downloader)
    assert (reported["location"], reported["chunk"]) == ("v.ome.zarr/0/c/1/0/1", "1/0/1")
    assert "zstd" in reported["reason"]
    mended = tape.archive / tape.name / "e"
    shutil.copytree(mended.with_name("d"), mended)
    (mended / chunk.relative_to(mended.with_name("d"))).write_bytes(content)
    await downloader.register("p", tape.list_files("e"), version=2, folder="e")
    await downloader.final_event(await downloader.request("p"))
    assert (await downloader.get("p", "slices/y/7")).status_code == 200
    assert await damaged(downloader) == []


async def damaged(downloader: DownloaderClient) -> list[dict[str, Any]]:
    report = await downloader.read_operator_route("/failures")
    return [row for row in report["damaged"] if row["pid"] == downloader.pid("p")]


async def test_a_damaged_chunk_of_a_shard_is_reported(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    write(tape, shards=SHAPE)
    shard = tape.archive / tape.name / "d" / SHARD
    content = bytearray(shard.read_bytes())
    content[4:12] = bytes(8)  # of the first chunk
    shard.write_bytes(content)
    await online(downloader, tape.list_files("d"))
    answer = await downloader.get("p", "slices/z/0")
    assert (answer.status_code, answer.json()["chunk"]) == (422, [0, 0, 0])
    assert (await downloader.get("p", "slices/z/15")).status_code == 200


async def test_a_shard_that_is_cut_off_is_reported(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    write(tape, shards=SHAPE)
    shard = tape.archive / tape.name / "d" / SHARD
    shard.write_bytes(shard.read_bytes()[:50])
    await online(downloader, tape.list_files("d"))
    for path in ("slices/z/0", "slices/x/mid", "thumbnail/small"):
        answer = await downloader.get("p", path)
        assert (answer.status_code, answer.json()["location"]) == (422, SHARD), path
