"""Files recalled out of one request, of a few and of many: what each costs must not grow with it.

A downloader in a process of its own, a tape simulator that has them at once, and the database.
"""

import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from portal_shared.contracts.records import File

from tests.drivers.servers import RabbitNode
from tests.drivers.services.downloader import DownloaderClient, StartDownloader
from tests.drivers.services.downloader_starters import starter_of_downloaders
from tests.drivers.tape import TapeArchive

FEW = int(os.environ.get("PORTAL_BENCH_FEW", "2000"))
MANY = int(os.environ.get("PORTAL_BENCH_MANY", "20000"))
FIRST, COUNTED = 100, 600  # files that are waited for, and files whose time is taken after these
A_FOLDER = 100
LONGEST = 600.0  # seconds


@pytest.fixture
def tape(tmp_path: Path) -> Iterator[TapeArchive]:
    quick = ("--mount", "0.01", "--seek", "0.01", "--speed-factor", "1000")
    simulator = TapeArchive(tmp_path, *quick)
    simulator.start_test("bench")
    yield simulator
    simulator.stop()


@pytest.fixture
async def start_downloader(
    rabbitmq_node: RabbitNode, mongo_server: str, tape: TapeArchive, tmp_path: Path
) -> AsyncIterator[StartDownloader]:
    async with starter_of_downloaders(rabbitmq_node, mongo_server, tape, tmp_path) as start:
        yield start


@pytest.mark.timeout(3 * LONGEST)
async def test_large_requests(start_downloader: StartDownloader, tape: TapeArchive) -> None:
    seconds: dict[int, float] = {}
    for count in (FEW, MANY):
        downloader = await start_downloader(
            most_under_way="600", most_queued="1000", progress_seconds="0.5"
        )
        await downloader.register("p", [_written(tape, count, n) for n in range(count)])
        seconds[count] = await _paced(downloader)
        downloader.process.stop()
    few, many = seconds[FEW], seconds[MANY]
    print(
        f"\n1000 files out of a request for {MANY} take {many:.1f} s, out of one for {FEW} "
        f"{few:.1f} s: {many / few:.2f} times"
    )


def _written(tape: TapeArchive, count: int, number: int) -> File:
    folder, name = f"{number // A_FOLDER:04}", f"{number % A_FOLDER:03}.bin"
    file = tape.write(f"d/{count}/{folder}/{name}", 20)
    return file.model_copy(update={"path": f"{count}/{folder}"})


async def _paced(downloader: DownloaderClient) -> float:
    """Seconds for 1000 files, once they come."""
    request = await downloader.request("p")
    came: list[tuple[float, int]] = []

    def enough() -> bool:
        events = downloader.published("download.progressed.v1", request_id=request)
        came.extend((time.monotonic(), e["files_online"]) for e in events[len(came) :])
        return bool(came) and came[-1][1] >= FIRST + COUNTED

    await downloader.wait_until(enough, LONGEST)
    began, before = next(point for point in came if point[1] >= FIRST)
    ended, after = came[-1]
    return 1000 * (ended - began) / (after - before)
