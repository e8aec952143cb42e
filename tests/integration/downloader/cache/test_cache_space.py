"""The cache keeps its budget: it evicts unused contents, never protected ones."""

import asyncio
from typing import Any

import pytest

from tests.drivers import plain_http
from tests.drivers.services.downloader import DownloaderClient, StartDownloader
from tests.drivers.tape import TapeArchive

MB = 1_000_000


def written(tape: TapeArchive, name: str, count: int, size: int) -> list[Any]:
    return [tape.write(f"{name}/{n}.bin", size) for n in range(count)]


async def test_the_oldest_goes_when_there_is_no_room(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    downloader = await start_downloader(cache_bytes="2500000", keep_seconds="0", read_seconds="0")
    for name in ("a", "b", "c"):
        await downloader.register(name, written(tape, name, 1, MB), folder=name)
        assert (await downloader.final_event(await downloader.request(name)))["files"] == 1
    await downloader.wait_until(lambda: downloader.availability("a") == ["ARCHIVED", "RESTORING",
        "ONLINE", "ARCHIVED"] or downloader.availability("a")[-1] == "ARCHIVED")  # fmt: skip
    assert (await downloader.get("a", "0.bin")).status_code == 503
    assert (await downloader.get("c", "0.bin")).status_code == 200
    remaining = [p for p in (downloader.process.cache / "objects").rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in remaining) <= 2_500_000
    assert (await downloader.status())["cache"]["evicted"] == 1


async def test_protected_files_are_not_evicted_and_other_files_wait(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    downloader = await start_downloader(cache_bytes="1500000", keep_seconds="4", read_seconds="0")
    await downloader.register("a", written(tape, "a", 1, MB), folder="a")
    await downloader.register("b", written(tape, "b", 1, MB), folder="b")
    await downloader.register("c", written(tape, "c", 1, MB), folder="c")
    await downloader.final_event(await downloader.request("a"))
    request = await downloader.request("b")
    async with asyncio.timeout(30):
        while not (await downloader.status())["cache"]["full"]:
            await asyncio.sleep(0.05)
    another = await downloader.request("c")
    assert (await downloader.get("a", "0.bin")).status_code == 200
    assert (await downloader.final_event(request))["files"] == 1
    assert (await downloader.final_event(another))["files"] == 1
    reported = downloader.published("download.progressed.v1", request_id=another)
    assert "the cache is full" in (reported[0]["waits_for"] or "")
    assert reported[-1]["waits_for"] is None
    assert (await downloader.status())["cache"]["full"] is None


async def test_a_file_larger_than_the_cache_fails_with_the_reason(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    downloader = await start_downloader(cache_bytes="1000")
    await downloader.register("a", written(tape, "a", 1, 2000), folder="a")
    failed = await downloader.final_event(await downloader.request("a"))
    assert "the cache is limited to" in failed["reason"]


async def test_a_file_that_is_read_is_read_to_its_end(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    downloader = await start_downloader(cache_bytes="21000000", keep_seconds="0", read_seconds="0")
    await downloader.register("a", written(tape, "a", 1, 20 * MB), folder="a")
    await downloader.register("b", written(tape, "b", 1, 20 * MB), folder="b")
    await downloader.final_event(await downloader.request("a"))
    received = bytearray()
    response: str | None = None
    async with (
        plain_http.async_client(downloader.process.url, timeout=30) as client,
        client.stream("GET", f"/data/{tape.name}%2Fa/0.bin") as answer,
    ):
        async for chunk in answer.aiter_raw(65_536):
            received += chunk
            if response is None:
                response = await downloader.request("b")
                await asyncio.sleep(1)
    assert bytes(received) == tape.content("a/0.bin")
    assert response is not None
    assert (await downloader.final_event(response))["files"] == 1


async def test_a_file_stored_just_before_a_crash_is_found(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    downloader = await start_downloader()
    await downloader.register("a", written(tape, "a", 2, 1000), folder="a")
    await downloader.final_event(await downloader.request("a"))
    before = (await downloader.status())["cache"]["bytes"]
    downloader.process.kill()
    objects = downloader.process.cache / "objects"
    (objects / "ff").mkdir(exist_ok=True)
    (objects / "ff" / ("f" * 64)).write_bytes(b"never noted")
    next(p for p in objects.rglob("*") if p.is_file() and p.name != "f" * 64).unlink()
    downloader.process.start()
    assert (await downloader.status())["cache"]["bytes"] == before - 1000 + 11
    answers = [(await downloader.get("a", f"{n}.bin")).status_code for n in range(2)]
    assert sorted(answers) == [200, 503]


@pytest.mark.parametrize("header", ["/x", "/x/"])
async def test_a_proxy_gets_the_path_of_the_content(
    downloader: DownloaderClient, tape: TapeArchive, header: str
) -> None:
    file = tape.write("d/x", 3000)
    await downloader.register("p", [file])
    await downloader.final_event(await downloader.request("p"))
    answer = await downloader.get("p", "x", headers={"X-Accel-Mapping": header})
    assert answer.headers["x-accel-redirect"] == f"/x/{file.sha256[:2]}/{file.sha256}"
    assert answer.content == b""
    own = {"X-Accel-Mapping": header, "If-Match": answer.headers["etag"]}
    assert len((await downloader.get("p", "x", headers=own)).content) == 3000
