"""A request of more files than wait at once: planned at once, queued portion by portion."""

import asyncio

import pytest
from portal_downloader.staging.queue import FILES_PER_PORTION
from portal_shared.contracts.events import FILES_PER_PART, DownloadCancelled

from tests.drivers.services.downloader import DownloaderClient, StartDownloader
from tests.drivers.tape import TapeArchive

FILES = FILES_PER_PART + 20  # of a portion and a few
MANY = FILES_PER_PORTION + 20  # more than one portion
LAST = f"{FILES - 1:03}.bin"


async def listed(downloader: DownloaderClient, tape: TapeArchive, count: int = FILES) -> list[str]:
    """A dataset of many small files; their names."""
    files = [tape.write(f"d/{n:03}.bin", 20) for n in range(count)]
    await downloader.register("p", files)
    return [file.name for file in files]


async def states(downloader: DownloaderClient) -> dict[str, str]:
    reported = (await downloader.get("p", "", params={"limit": 1000})).json()
    return {file["name"]: file["state"] for file in reported["files"]}


async def first_queued(downloader: DownloaderClient, count: int) -> dict[str, int]:
    """When the whole first portion is; more follows only after its window."""
    async with asyncio.timeout(60):
        while (files := (await downloader.status())["files"]).get("queued", 0) < count:
            await asyncio.sleep(0.05)
    return files


async def test_files_not_queued_yet_are_restoring_and_are_recalled_once_despite_a_kill(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    downloader = await start_downloader(most_queued="100", window_seconds="12", batch_files="1000")
    await listed(downloader, tape)
    request = await downloader.request("p")
    queued = await first_queued(downloader, FILES_PER_PART)
    assert (queued["queued"], queued["archived"]) == (FILES_PER_PART, 20)
    assert set((await states(downloader)).values()) == {"RESTORING"}
    assert (await downloader.get("p", LAST)).json()["state"] == "RESTORING"
    downloader.process.kill()
    downloader.process.start()
    async with asyncio.timeout(200):
        while not downloader.published("download.ready.v1", request_id=request):
            await downloader.receive()
            await asyncio.sleep(0.2)
    assert tape.recalls == {f"d/{n:03}.bin": 1 for n in range(FILES)}
    await downloader.wait_until(lambda: "ONLINE" in downloader.availability("p"))
    assert downloader.availability("p") == ["ARCHIVED", "RESTORING", "ONLINE"]


@pytest.mark.parametrize("selected", [None, slice(1, None)], ids=["all", "selected"])
async def test_cancelled_files_are_released_whether_queued_or_not(
    start_downloader: StartDownloader, tape: TapeArchive, selected: slice | None
) -> None:
    downloader = await start_downloader(most_queued="1", window_seconds="60", batch_files="1000")
    names = await listed(downloader, tape, MANY)
    request = await downloader.request("p", *(names[selected] if selected else ()))
    queued = await first_queued(downloader, FILES_PER_PORTION if selected else FILES_PER_PART)
    assert queued["archived"] > 0
    shown = await states(downloader)
    assert shown[names[0]] == ("ARCHIVED" if selected else "RESTORING")
    assert {shown[name] for name in names[1:]} == {"RESTORING"}
    await downloader.publish(DownloadCancelled(request_id=request))
    async with asyncio.timeout(60):
        while set((await states(downloader)).values()) != {"ARCHIVED"}:
            await asyncio.sleep(0.1)
    assert await downloader.rows("pins") == []


async def test_a_request_that_cannot_be_queued_in_time_fails_with_the_reason(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    downloader = await start_downloader(
        most_queued="1", window_seconds="60", batch_files="1000", deadline_seconds="3"
    )
    await listed(downloader, tape)
    failed = await downloader.final_event(await downloader.request("p"))
    assert "could be queued" in failed["reason"]
    assert (failed["files_online"], failed["files_expired"]) == (0, failed["files_failed"])
    async with asyncio.timeout(60):
        while "RESTORING" in (await states(downloader)).values():
            await asyncio.sleep(0.1)
