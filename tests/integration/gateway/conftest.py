"""Fixtures of the read side: an engine, the portal, the corpora of the conformance kit."""

from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
import pytest_asyncio
from portal_shared.runtime.settings import Settings

from tests.drivers.corpora import Corpora
from tests.drivers.portal import Portal, running
from tests.drivers.search.engine import StandIn, serve


@pytest.fixture(scope="session")
def search_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, str]]:
    """URL and key of the engine; an empty key without one."""
    with serve(tmp_path_factory.mktemp("search")) as engine:
        yield engine.url, engine.key or ""


@pytest.fixture
async def portal(settings: Settings, search_url: tuple[str, str]) -> AsyncGenerator[Portal]:
    async with running(settings, search_url) as portal:
        yield portal


@pytest.fixture
def engine(tmp_path: Path) -> Generator[StandIn]:
    """One of the test's own, which it may kill and start again."""
    made = StandIn(tmp_path / "engine")
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
async def portal_on_engine(settings: Settings, engine: StandIn) -> AsyncGenerator[Portal]:
    async with running(settings, (engine.url, "")) as portal:
        yield portal


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_portal(
    settings_of_module: Settings, search_url: tuple[str, str]
) -> AsyncGenerator[Portal]:
    """One for the tests of a module, which must only read."""
    async with running(settings_of_module, search_url) as portal:
        yield portal


@pytest.fixture
def corpora() -> Corpora:
    return Corpora()
