"""Fixtures: one downloader and tape archive for all tests, others on demand."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.drivers.mailbox import Mailbox, serve_mailbox
from tests.drivers.servers import RabbitNode
from tests.drivers.services import downloader_starters as starters
from tests.drivers.services.download_gateway import DownloadGateway, serve_gateway
from tests.drivers.services.downloader import DownloaderClient, StartDownloader, connect
from tests.drivers.services.downloader_starters import SharedDownloader
from tests.drivers.tape import TapeArchive


@pytest.fixture(scope="session")
def shared(
    rabbitmq_node: RabbitNode, mongo_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SharedDownloader]:
    folder = tmp_path_factory.mktemp("shared")
    with starters.serve_downloader(rabbitmq_node, mongo_server, folder) as made:
        yield made


@pytest.fixture
def tape(shared: SharedDownloader) -> TapeArchive:
    shared.tape.start_test(uuid.uuid4().hex[:8])
    return shared.tape


@pytest.fixture
async def downloader(
    shared: SharedDownloader, tape: TapeArchive
) -> AsyncIterator[DownloaderClient]:
    async with connect(shared.environment, shared.process, tape) as client:
        yield client


@pytest.fixture
async def start_downloader(
    rabbitmq_node: RabbitNode, mongo_server: str, tape: TapeArchive, tmp_path: Path
) -> AsyncIterator[StartDownloader]:
    started = starters.starter_of_downloaders(rabbitmq_node, mongo_server, tape, tmp_path)
    async with started as start:
        yield start


@pytest.fixture
async def gateway(shared: SharedDownloader, mailbox: Mailbox) -> AsyncIterator[DownloadGateway]:
    url = shared.process.url
    async with serve_gateway(shared.environment, url, smtp_port=mailbox.port) as made:
        yield made


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with serve_mailbox() as made:
        yield made
