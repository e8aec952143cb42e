"""Slices of volumes for readers, and pyramids made by `portal curate`, against their baselines.

Slices of 512 x 512 voxels in chunks of 64: one reader, then 50 at once who each request others.
The baseline reads and draws the same planes in this process, without HTTP or database. Pyramids
of stacks of TIFF and JPEG 2000: seconds of the finest level, and of all, against reading the stack
alone with as many threads.
`PORTAL_BENCH_SLICES` is the number of slices of one reader.
"""

import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr
from portal_cli.curation.sources.jpeg2000 import Jpeg2000Slices
from portal_cli.curation.sources.stack import StackSource
from portal_cli.curation.sources.tiff import Page, TiffSlices
from portal_cli.pyramid.pyramid import Order, make_pyramid
from portal_downloader.volumes import pictures
from portal_downloader.volumes.slice_request import Window

from tests import volumes
from tests.drivers.servers import RabbitNode
from tests.drivers.services.downloader import DownloaderClient, connect
from tests.drivers.services.downloader_starters import SharedDownloader, serve_downloader

SHAPE = (128, 512, 512)
SLICES = int(os.environ.get("PORTAL_BENCH_SLICES", "200"))
READERS, SLICES_EACH = 50, 8
STACK = (256, 1024, 1024)
RUNS, THREADS = 3, 2
WINDOW = {"channels": [{"window": {"start": 0, "end": 4000}}]}


def tissue(shape: tuple[int, int, int]) -> volumes.Voxels:
    """Voxels with edges and noise, as a scanner measures them: they compress to about a half."""
    chance = np.random.default_rng(7)
    z, y, x = (np.arange(n, dtype="float32") for n in shape)
    waves = np.sin(z / 17)[:, None, None] + np.sin(y / 23)[:, None] + np.sin(x / 19)
    noise = chance.normal(0, 40, shape).astype("float32")
    return (1500 + 500 * waves + noise).astype("uint16")


@pytest.fixture
def shared(
    rabbitmq_node: RabbitNode, mongo_server: str, tmp_path: Path
) -> Iterator[SharedDownloader]:
    with serve_downloader(rabbitmq_node, mongo_server, tmp_path) as made:
        made.tape.start_test("bench")
        folder = made.tape.archive / "bench" / "d" / "v.ome.zarr"
        given: dict[str, Any] = {"levels": 1, "chunks": (64, 64, 64), "omero": WINDOW}
        given["voxel_um"] = (4.0, 4.0, 4.0)  # square pixels: a picture of 512 x 512
        volumes.write_volume(folder, tissue(SHAPE), **given)
        yield made


@pytest.fixture
async def downloader(shared: SharedDownloader) -> AsyncIterator[DownloaderClient]:
    async with connect(shared.environment, shared.process, shared.tape) as client:
        await client.register("p", shared.tape.list_files("d"))
        await client.final_event(await client.request("p"))
        yield client


def memory(pid: int) -> float:
    """Returns the resident memory in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def drawn_here(folder: Path) -> list[float]:
    """Returns the milliseconds of reading and drawing planes, each of another row of chunks."""
    untyped: Any = zarr
    array = untyped.open_array(folder, mode="r")
    waits: list[float] = []
    for number in range(30):
        began = time.monotonic()
        slab = array[(number % 2) * 64 : (number % 2) * 64 + 64]
        picture = pictures.draw(np.asarray(slab[number]), Window(0, 4000), 1024, (1.0, 1.0))
        pictures.encode(picture, "webp")
        waits.append((time.monotonic() - began) * 1000)
    return waits


async def test_slices(downloader: DownloaderClient) -> None:
    pid = downloader.process.pid
    refused = 0

    async def read(number: int) -> float:
        nonlocal refused
        query = {"level": 0, "window": f"0:{4000 + number}"}
        while True:
            began = time.monotonic()
            answer = await downloader.get("p", f"slices/z/{number % SHAPE[0]}", params=query)
            if answer.status_code == 200:
                return (time.monotonic() - began) * 1000
            assert answer.status_code == 429, answer.text
            refused += 1
            await asyncio.sleep(1)

    waits = [await read(number) for number in range(SLICES)]
    cold = drawn_here(downloader.process.cache.parent / "archive/bench/d/v.ome.zarr/0")
    before = most = memory(pid)

    async def reader(own: int) -> list[float]:
        return [await read(1000 + own * SLICES_EACH + n) for n in range(SLICES_EACH)]

    began = time.monotonic()
    tasks = [asyncio.create_task(reader(n)) for n in range(READERS)]
    while not all(task.done() for task in tasks):
        most = max(most, memory(pid))
        await asyncio.sleep(0.05)
    found = [wait for task in tasks for wait in task.result()]
    rate = len(found) / (time.monotonic() - began)
    tail = statistics.quantiles(waits, n=20)[-1]
    print(
        f"\n  one reader: p50 {statistics.median(waits):.1f} ms, p95 {tail:.1f} ms"
        f" (a row of chunks and its picture here: {statistics.median(cold):.1f} ms)"
    )
    print(
        f"  {READERS} readers: {rate:.0f} slices/s, p50 {statistics.median(found):.0f} ms,"
        f" {refused} times 429, memory {before:.0f} -> at most {most:.0f} MB"
    )


def tiff_stack(folder: Path) -> StackSource:
    pages: list[Page] = []
    for number, plane in enumerate(tissue(STACK)):
        name = f"slice_{number:04}.tif"
        tifffile.imwrite(folder / name, plane, compression="zlib")
        pages.append(Page(name))
    return StackSource(TiffSlices(folder, pages))


def jpeg2000_stack(folder: Path) -> StackSource:
    """Writes slices compressed to about a tenth, as the Human Organ Atlas publishes them."""
    names: list[str] = []
    for number, plane in enumerate(tissue(STACK)):
        names.append(f"slice_{number:04}.jp2")
        body = imagecodecs.jpeg2k_encode(plane, level=50, codecformat="jp2")  # dB
        (folder / names[-1]).write_bytes(body)
    return StackSource(Jpeg2000Slices(folder, names, STACK[1:], "uint16"))


class Times:
    """When each level was begun."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}

    def stage(self, name: str, total: int | None) -> Callable[[int], None]:  # noqa: ARG002
        self.began[name] = time.monotonic()
        return lambda _: None


def read_alone(source: StackSource) -> float:
    """Returns the seconds of reading all slices."""
    _, height, width = source.shape

    def read(number: int) -> None:
        source.read((slice(number, number + 1), slice(0, height), slice(0, width)))

    began = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(read, range(source.shape[0])))
    return time.monotonic() - began


@pytest.mark.parametrize("stack", [tiff_stack, jpeg2000_stack])
def test_pyramid(stack: Callable[[Path], StackSource], tmp_path: Path) -> None:
    source = stack(tmp_path)
    size = float(np.prod(STACK)) * 2 / 1e6
    ratios: list[float] = []
    for run in range(RUNS):
        alone, times = read_alone(source), Times()
        order = Order(tmp_path / f"{run}.ome.zarr", "bench", (1.0, 1.0, 1.0), threads=THREADS)
        make_pyramid(order, source, times)
        end = time.monotonic()
        finest, whole = (after - times.began["level 0"] for after in (times.began["level 1"], end))
        ratios.append(alone / finest)
        print(
            f"\n  {stack.__name__}, {size:.0f} MB: read alone {alone:.2f} s, finest level"
            f" {finest:.2f} s, all levels {whole:.2f} s ({size / whole:.0f} MB/s);"
            f" ratio of the finest {ratios[-1]:.2f}"
        )
    print(f"  median ratio {statistics.median(ratios):.2f}")
