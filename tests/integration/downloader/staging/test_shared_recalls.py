"""Many readers at once: one recall for all, fair turns, cancelling, and an honest estimate."""

import asyncio
from typing import Any

import pytest
from portal_shared.contracts.file_urls import data_path

from tests.drivers import plain_http
from tests.drivers.services.download_gateway import DownloadGateway
from tests.drivers.services.downloader import DownloaderClient, StartDownloader, StartTape
from tests.drivers.tape import TapeArchive


def folder(tape: TapeArchive, count: int, name: str = "d", size: int = 3000) -> list[Any]:
    return [tape.write(f"{name}/{n:03}.bin", size) for n in range(count)]


async def test_two_hundred_overlapping_requests_cause_one_recall_of_each_file(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    files = folder(tape, 20)
    await downloader.register("p", files)
    requests_made = [tuple(f.name for f in files[n % 20 :: 3]) for n in range(200)]
    requests = await asyncio.gather(
        *(downloader.request("p", *requested) for requested in requests_made)
    )
    await downloader.wait_until(
        lambda: (
            {r["request_id"] for r in downloader.published("download.ready.v1")} >= set(requests)
        ),
        seconds=280,
    )
    wanted = {name for requested in requests_made for name in requested}
    assert tape.recalls == {f"d/{name}": 1 for name in wanted}


async def test_a_cancelled_file_is_not_recalled(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive
) -> None:
    pid = await gateway.publish_dataset(downloader, folder(tape, 6))
    tape.add_fault(effect="status", kind="POST /stage", status=503, times=3)
    async with plain_http.async_client(gateway.url, timeout=30) as client:
        body = {"pid": pid}
        one = (await client.post("/api/downloads", json=body)).json()
        body = {"pid": pid, "files": ["000.bin"]}
        other = (await client.post("/api/downloads", json=body)).json()
        cancelled = (await client.delete(one["self"])).json()
        assert (cancelled["state"], cancelled["done"]) == ("CANCELLED", True)
        again = (await client.delete(one["self"])).json()
        assert again["state"] == "CANCELLED"
        assert (await client.delete("/api/downloads/nobody")).status_code == 404
        async with asyncio.timeout(60):
            while not (reported := (await client.get(other["self"])).json())["done"]:
                await asyncio.sleep(0.1)
        assert reported["state"] == "ONLINE"
        assert (reported["seconds_left"], reported["place"]) == (0.0, None)
        assert (await client.get(one["self"])).json()["state"] == "CANCELLED"
    assert set(tape.recalls) >= {"d/000.bin"}
    states = {f["name"]: f["state"] for f in (await downloader.get("p")).json()["files"]}
    assert states["000.bin"] == "ONLINE"
    assert set(states.values()) <= {"ONLINE", "ARCHIVED"}


async def test_the_staging_list_is_public_without_requesters(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive
) -> None:
    pid = await gateway.publish_dataset(downloader, folder(tape, 3))
    tape.add_fault(effect="status", kind="POST /stage", status=503, times=5)
    async with plain_http.async_client(gateway.url, timeout=30) as client:
        made = [(await client.post("/api/downloads", json={"pid": pid})).json() for _ in range(2)]
        reported = (await client.get("/api/staging")).json()
        mine = next(d for d in reported["datasets"] if d["pid"] == pid)
        assert (mine["requests"], mine["files"]) == (2, 3)
        text = str(reported)
        assert not any(m["id"] in text for m in made)
        assert "requester" not in text
        assert "127.0.0.1" not in text


async def test_more_than_a_reader_may_wait_for_is_refused_with_figures(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive
) -> None:
    pid = await gateway.publish_dataset(downloader, folder(tape, 2))
    tape.add_fault(effect="status", kind="POST /stage", status=503, times=4)
    async with plain_http.async_client(gateway.url, timeout=30) as client:
        answers = [await client.post("/api/downloads", json={"pid": pid}) for _ in range(14)]
    refused = [a for a in answers if a.status_code == 429]
    assert refused
    assert "the limit is 12" in refused[0].json()["detail"]
    assert int(refused[0].headers["retry-after"]) > 0


async def test_concurrent_requests_are_checked_in_sequence(
    downloader: DownloaderClient, gateway: DownloadGateway, tape: TapeArchive
) -> None:
    pid = await gateway.publish_dataset(downloader, folder(tape, 2))
    tape.add_fault(effect="status", kind="POST /stage", status=503, times=8)
    another = {"X-Forwarded-For": "203.0.113.7"}  # a reader who waits for nothing
    async with plain_http.async_client(gateway.url, timeout=60, headers=another) as client:
        body = {"pid": pid}
        answers = await asyncio.gather(
            *(client.post("/api/downloads", json=body) for _ in range(20))
        )
    statuses = [a.status_code for a in answers]
    assert (statuses.count(202), statuses.count(429)) == (12, 8)


@pytest.mark.parametrize("dialect", ["eos", "dcache", "storm"])
async def test_every_dialect_of_the_archive_is_understood(
    start_downloader: StartDownloader, dialect: str, tape: TapeArchive, start_tape: StartTape
) -> None:
    archive = start_tape("--dialect", dialect)
    downloader = await start_downloader(tape_url=archive.url)
    archive.start_test(tape.name)
    await downloader.register("p", folder(archive, 5))
    archive.add_fault(effect="fail", path="d/003.bin", reason="drive ate it", times=None)
    failed = await downloader.final_event(await downloader.request("p"))
    assert (failed["files_online"], failed["files_failed"]) == (4, 1)
    assert archive.recalls == {f"d/{n:03}.bin": 1 for n in (0, 1, 2, 4)}


async def test_files_are_staged_by_tape_where_locations_are_known(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    downloader = await start_downloader(tape_places_url=f"{tape.url}/_tape")
    files = [tape.write(f"d/{n}", 1000) for n in range(4)]
    await downloader.register("p", files)
    paths = [f"/{tape.name}/d/{n}" for n in range(4)]
    reported = tape.http.post("/_tape", json={"paths": paths}).json()
    assert (await downloader.final_event(await downloader.request("p")))["files"] == 4
    rows = await downloader.rows("files")
    placed = {row["path"]: (row["group"], row["position"]) for row in rows}
    assert placed == {t["path"]: (f"tape {t['tape']}", t["position"]) for t in reported}


async def test_files_are_staged_by_folder_while_locations_are_unknown(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    downloader = await start_downloader(tape_places_url=f"{tape.url}/no-such-thing")
    await downloader.register("p", [tape.write("d/x", 1000)])
    assert (await downloader.final_event(await downloader.request("p")))["files"] == 1
    assert [row["group"] for row in await downloader.rows("files")] == [f"folder /{tape.name}/d"]


async def test_a_file_that_is_read_for_long_stays_protected(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    downloader = await start_downloader(read_seconds="1.5", keep_seconds="0.1")
    file = tape.write("d/x", 30_000_000)
    await downloader.register("p", [file])
    await downloader.final_event(await downloader.request("p"))
    path = data_path(downloader.pid("p"), "x")
    remaining: list[Any] = []
    async with downloader.http.stream("GET", path) as answer:
        async for _ in answer.aiter_raw():
            if len(remaining) < 8:
                remaining += [row["kept_until"] for row in await downloader.rows("contents")]
                await asyncio.sleep(0.4)
    assert len(set(remaining)) >= 3
    assert remaining == sorted(remaining)
