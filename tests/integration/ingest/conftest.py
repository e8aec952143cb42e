"""Fixtures of ingest: the ICAT simulator, ingest itself, and its broker."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import icat
import pytest
import pytest_asyncio
from portal_shared.runtime.settings import Settings

from tests.drivers.process import ServerProcess
from tests.drivers.services import ingest as driver
from tests.drivers.services.ingest import Broker, Ingest


@pytest.fixture(scope="session")
def icat_of_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with driver.running_icat(tmp_path_factory.mktemp("icat")) as server:
        yield server


@pytest.fixture
def icat_server(icat_of_session: ServerProcess) -> ServerProcess:
    """The ICAT simulator without records, faults or sessions."""
    driver.empty_icat(icat_of_session)
    return icat_of_session


@pytest.fixture
def icat_url(icat_server: ServerProcess) -> str:
    return icat_server.url


@pytest.fixture
def catalogue(icat_url: str) -> Iterator[icat.Client]:
    with driver.icat_client(icat_url) as client:
        yield client


@pytest.fixture
async def broker(settings: Settings) -> AsyncIterator[Broker]:
    async with driver.broker_of(settings) as broker:
        yield broker


@pytest.fixture
async def ingest(settings: Settings, icat_url: str, tmp_path: Path) -> AsyncIterator[Ingest]:
    async with driver.running_ingest(settings, icat_url, tmp_path) as ingest:
        yield ingest


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ingest_of_module(
    settings_of_module: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Ingest]:
    """One ingest for the tests of a module that register nothing."""
    folder = tmp_path_factory.mktemp("ingest")
    with driver.running_icat(folder) as server:
        async with driver.running_ingest(settings_of_module, server.url, folder) as ingest:
            yield ingest
