"""Workers run only when there is work, and no work is overlooked."""

import asyncio
import random
from typing import Any

from tests.drivers.services.downloader import DownloaderClient, DownloaderProcess, StartDownloader
from tests.drivers.tape import TapeArchive


async def test_many_lists_in_any_order_and_twice_leave_the_newest_of_each(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    old, new = tape.write("d/old.bin", 10), tape.write("d/new.bin", 20)
    requests_made = [(f"p{n}", version) for n in range(30) for version in (1, 2, 2)]
    random.Random(1).shuffle(requests_made)  # noqa: S311
    published_body = [
        downloader.registration_events(pid, [old] if version == 1 else [new], version=version)
        for pid, version in requests_made
    ]
    await downloader.publish(*(event for events in published_body for event in events))
    pids = [f"p{n}" for n in range(30)]
    await downloader.wait_until(lambda: all(downloader.availability(pid) for pid in pids))
    await downloader.wait_idle()
    for pid in pids:
        listing = (await downloader.get(pid, "")).json()
        assert [f["name"] for f in listing["files"]] == ["new.bin"]
        assert set(downloader.availability(pid)) == {"ARCHIVED"}


async def test_another_replica_finishes_the_work_of_a_killed_one(
    start_downloader: StartDownloader, tape: TapeArchive, tmp_path: Any
) -> None:
    downloader = await start_downloader(window_seconds="3")
    files = [tape.write(f"d/{n}", 3000) for n in range(3)]
    await downloader.register("p", files)
    other = DownloaderProcess(tmp_path, downloader.process.environment)
    try:
        request = await downloader.request("p")
        while not (await downloader.status())["files"].get("queued"):
            await asyncio.sleep(0.05)
        downloader.process.kill()
        assert (await downloader.final_event(request))["files"] == 3
        assert set(tape.recalls.values()) == {1}
    finally:
        other.stop()
