"""Downloaders and archives that a test starts with settings of its own."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.drivers.servers import RabbitNode
from tests.drivers.services import downloader as driver
from tests.drivers.services.downloader import (
    DownloaderClient,
    DownloaderProcess,
    StartDownloader,
    StartTape,
)
from tests.drivers.services.online_datasets import OnlineDatasets
from tests.drivers.tape import QUICK_TAPE, TapeArchive


@dataclass(frozen=True)
class SharedDownloader:
    """A downloader that many tests use, with its archive and its settings."""

    process: DownloaderProcess
    tape: TapeArchive
    environment: dict[str, str]
    datasets: OnlineDatasets = field(default_factory=OnlineDatasets)


@contextmanager
def serve_downloader(node: RabbitNode, mongo_url: str, folder: Path) -> Iterator[SharedDownloader]:
    """Runs an archive and a downloader on a virtual host and databases of their own."""
    with driver.isolated_environment(node, mongo_url) as environment:
        tape = TapeArchive(folder, *QUICK_TAPE)
        process = DownloaderProcess(folder, {**environment, "PORTAL_TAPE_URL": tape.url})
        yield SharedDownloader(process, tape, environment)
        process.stop()
        tape.stop()


@contextmanager
def starter_of_tapes(folder: Path) -> Iterator[StartTape]:
    """Yields a function that starts archives with options; all are stopped at the end."""
    with ExitStack() as stack:
        names = (f"archive{n}" for n in range(1000))

        def start(*options: str) -> TapeArchive:
            place = folder / next(names)
            place.mkdir()
            archive = TapeArchive(place, *QUICK_TAPE, *options)
            stack.callback(archive.stop)
            return archive

        yield start


@asynccontextmanager
async def starter_of_downloaders(
    node: RabbitNode, mongo_url: str, tape: TapeArchive, folder: Path
) -> AsyncIterator[StartDownloader]:
    """Yields a function that starts downloaders with settings; all are stopped at the end."""
    async with AsyncExitStack() as stack:

        async def start(*, prefix: Sequence[str] = (), **settings: str) -> DownloaderClient:
            isolated = driver.isolated_environment(node, mongo_url)
            # entered in a thread, because it runs an event loop
            environment = await asyncio.to_thread(isolated.__enter__)
            stack.push(isolated.__exit__)
            changed = {f"PORTAL_{name.upper()}": value for name, value in settings.items()}
            process = DownloaderProcess(
                folder, {**environment, "PORTAL_TAPE_URL": tape.url, **changed}, prefix=prefix
            )
            stack.callback(process.stop)
            return await stack.enter_async_context(driver.connect(environment, process, tape))

        yield start
