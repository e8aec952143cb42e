"""Fixtures: one downloader and tape archive for all tests, others on demand."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from portal_shared.runtime.settings import Settings

from tests.drivers.mailbox import Mailbox
from tests.drivers.services import downloader as driver
from tests.drivers.services.download_gateway import DownloadGateway, serve_gateway
from tests.drivers.services.downloader import (
    DownloaderClient,
    DownloaderProcess,
    StartDownloader,
    StartTape,
)
from tests.drivers.services.downloader_store import DownloaderStore, open_store
from tests.drivers.tape import QUICK_TAPE, TapeArchive


@pytest.fixture(scope="session")
def environment(
    rabbitmq_node: tuple[str, str | None], mongo_server: str
) -> Iterator[dict[str, str]]:
    """Settings of the downloader that the tests share."""
    with driver.isolated_environment(rabbitmq_node, mongo_server) as made:
        yield made


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TapeArchive]:
    simulator = TapeArchive(tmp_path_factory.mktemp("tape"), *QUICK_TAPE)
    yield simulator
    simulator.stop()


@pytest.fixture(scope="session")
def process(
    environment: dict[str, str], archive: TapeArchive, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DownloaderProcess]:
    folder = tmp_path_factory.mktemp("downloader")
    made = DownloaderProcess(folder, {**environment, "PORTAL_TAPE_URL": archive.url})
    yield made
    made.stop()


@pytest.fixture
def tape(archive: TapeArchive) -> TapeArchive:
    archive.start_test(uuid.uuid4().hex[:8])
    return archive


@pytest.fixture
async def downloader(
    environment: dict[str, str], process: DownloaderProcess, tape: TapeArchive
) -> AsyncIterator[DownloaderClient]:
    async with driver.connect(environment, process, tape) as client:
        yield client


@pytest.fixture
async def store(
    settings: Settings, tape: TapeArchive, tmp_path: Path
) -> AsyncIterator[DownloaderStore]:
    async with open_store(settings, tape.url, tmp_path) as made:
        yield made


@pytest.fixture
def start_tape(tmp_path: Path) -> Iterator[StartTape]:
    """Starts archives with options."""
    started: list[TapeArchive] = []

    def start(*options: str) -> TapeArchive:
        folder = tmp_path / f"archive{len(started)}"
        folder.mkdir()
        started.append(TapeArchive(folder, *QUICK_TAPE, *options))
        return started[-1]

    yield start
    for simulator in started:
        simulator.stop()


@pytest.fixture
async def start_downloader(
    rabbitmq_node: tuple[str, str | None], mongo_server: str, tape: TapeArchive, tmp_path: Path
) -> AsyncIterator[StartDownloader]:
    """Starts downloaders with settings."""
    async with AsyncExitStack() as stack:

        async def start(*, prefix: Sequence[str] = (), **settings: str) -> DownloaderClient:
            isolated = driver.isolated_environment(rabbitmq_node, mongo_server)
            # entered in a thread, because it runs an event loop
            environment = await asyncio.to_thread(isolated.__enter__)
            stack.push(isolated.__exit__)
            changed = {f"PORTAL_{name.upper()}": value for name, value in settings.items()}
            process = DownloaderProcess(
                tmp_path,
                {**environment, "PORTAL_TAPE_URL": tape.url, **changed},
                prefix=prefix,
            )
            stack.callback(process.stop)
            return await stack.enter_async_context(driver.connect(environment, process, tape))

        yield start


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox()
    controller = Controller(made, hostname="127.0.0.1", port=made.port)
    controller.start()
    yield made
    controller.stop()


@pytest.fixture
async def gateway(
    environment: dict[str, str], process: DownloaderProcess, tape: TapeArchive, mailbox: Mailbox
) -> AsyncIterator[DownloadGateway]:
    async with serve_gateway(environment, process.url, smtp_port=mailbox.port) as made:
        yield made
