"""The network to the search engine or the database lets nothing pass, and keeps connections open.

Readers are answered 503 then, not left waiting; what comes meanwhile is indexed afterwards.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from portal_shared.contracts.events import DatasetRegistered
from portal_shared.contracts.records import Dataset
from portal_shared.runtime.settings import Settings

from tests.drivers.deployment.network import TcpProxy
from tests.drivers.portal import Portal, running
from tests.drivers.search.engine import StandIn

PATIENCE = 120  # seconds on a busy machine; what is waited for takes 2 to 20
SEARCH_SECONDS = "2"
MAX_PAUSE_SECONDS = 8  # of the event loop; 0.1 are usual


def registered(name: str) -> DatasetRegistered:
    created = datetime(2021, 9, 26, tzinfo=UTC)
    dataset = Dataset(
        pid=f"10.1/{name}", name=name, title=name, profile="human-organs", created=created
    )
    return DatasetRegistered(dataset=dataset, version=1)


@pytest.fixture
async def network(
    settings: Settings, engine: StandIn, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Portal, TcpProxy, TcpProxy]]:
    monkeypatch.setenv("PORTAL_SEARCH_SECONDS", SEARCH_SECONDS)
    async with behind_proxies(settings, engine) as found:
        yield found


@asynccontextmanager
async def behind_proxies(
    settings: Settings, engine: StandIn
) -> AsyncGenerator[tuple[Portal, TcpProxy, TcpProxy]]:
    """The portal, its way to the engine and its way to the database."""
    async with AsyncExitStack() as stack:

        async def by_proxy(url: str) -> tuple[TcpProxy, str]:
            parts = urlsplit(url)
            assert parts.hostname
            assert parts.port
            way = TcpProxy(parts.hostname, parts.port)
            await stack.enter_async_context(way.running())
            return way, url.replace(f":{parts.port}", f":{way.port}")

        engine_way, engine_url = await by_proxy(engine.url)
        secret = type(settings.mongo_url)
        database_way, mongo_url = await by_proxy(settings.mongo_url.get_secret_value())
        changed = settings.model_copy(update={"mongo_url": secret(mongo_url)})
        portal = await stack.enter_async_context(running(changed, (engine_url, "")))
        yield portal, engine_way, database_way


async def until_status(portal: Portal, path: str, status: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await portal.reader.get(path)).status_code != status:
            await asyncio.sleep(0.1)


async def publish_one(portal: Portal) -> None:
    """Publishes a dataset; it is then found, and its page is there."""
    await portal.publish([registered("one")])
    await portal.wait_indexed(seconds=PATIENCE)
    await until_found(portal, {"10.1/one"})


async def until_found(portal: Portal, names: set[str]) -> None:
    async with asyncio.timeout(PATIENCE):
        while {one["pid"] for one in (await portal.reader.get("/api/Datasets")).json()} != names:
            await asyncio.sleep(0.1)


async def test_engine(network: tuple[Portal, TcpProxy, TcpProxy]) -> None:
    portal, engine_way, _ = network
    await publish_one(portal)
    engine_way.is_frozen = True
    async with asyncio.timeout(PATIENCE):
        answer = await portal.reader.get("/api/Datasets")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert f"did not answer within {SEARCH_SECONDS} s" in answer.json()["error"]["message"]
    await portal.publish([registered("two")])
    assert (await portal.reader.get("/api/Datasets/10.1%2Fone")).status_code == 200
    engine_way.is_frozen = False
    await until_status(portal, "/api/Datasets", 200)
    await until_found(portal, {"10.1/one", "10.1/two"})


async def test_database(network: tuple[Portal, TcpProxy, TcpProxy]) -> None:
    portal, _, database_way = network
    await publish_one(portal)
    database_way.is_frozen = True
    async with asyncio.timeout(PATIENCE):
        answer = await portal.reader.get("/api/Datasets/10.1%2Fone/files")
    assert answer.status_code == 503
    assert (await portal.reader.get("/api/Datasets/10.1%2Fone")).status_code == 200  # the engine's
    await until_status(portal, "/health", 503)
    for probe in ("live", "ready"):  # searches go on
        assert (await portal.reader.get(f"/health/{probe}")).status_code == 200
    await portal.publish([registered("two")])
    database_way.is_frozen = False
    await until_status(portal, "/health", 200)
    await until_found(portal, {"10.1/one", "10.1/two"})


async def test_services_that_end_answer_while_the_database_closes_their_sessions(
    settings: Settings, engine: StandIn
) -> None:
    longest = 0.0

    async def measure_pauses() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.1)
            longest = max(longest, time.monotonic() - before)

    async with behind_proxies(settings, engine) as (portal, _, _):
        await publish_one(portal)
        measurement = asyncio.create_task(measure_pauses())
    measurement.cancel()
    assert longest < MAX_PAUSE_SECONDS
