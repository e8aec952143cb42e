"""The search engine is killed and comes back; the gateway is not touched meanwhile."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from portal_shared.contracts.events import DatasetRegistered, Event
from portal_shared.contracts.records import Dataset

from tests.drivers.portal import Portal
from tests.drivers.search.engine import StandIn

DATASETS = 30
SEARCHES = ("", "/count", "/export", "/suggest", "/facets?facets=techniques")


def records() -> list[Event]:
    return [
        DatasetRegistered(
            dataset=Dataset(
                pid=f"10.1/set-{n}",
                name=f"{n}",
                title=f"Scan {n}",
                profile="human-organs",
                created=datetime(2021, 9, 26, tzinfo=UTC),
            ),
            version=1,
        )
        for n in range(DATASETS)
    ]


@pytest.fixture
async def portal(portal_on_engine: Portal) -> Any:
    await portal_on_engine.publish(records())
    await portal_on_engine.wait_indexed()
    return portal_on_engine


async def until_health(portal: Portal, status: int) -> None:
    async with asyncio.timeout(60):
        while (await portal.get("/health")).status_code != status:
            await asyncio.sleep(0.1)


async def test_without_an_engine_searches_are_unavailable_and_records_are_not(
    portal: Portal, engine: StandIn
) -> None:
    assert len(await portal.pids("/api/Datasets")) == DATASETS
    engine.kill()
    for path in SEARCHES:
        answer = await portal.reader.get(f"/api/Datasets{path}")
        assert answer.status_code == 503, path
        assert answer.json()["error"]["statusCode"] == 503
        assert int(answer.headers["retry-after"]) > 0
    await until_health(portal, 503)
    assert "search" in (await portal.get("/health")).json()["problems"]
    assert (await portal.get("/api/Datasets/10.1%2Fset-3")).json()["title"] == "Scan 3"


async def test_an_engine_that_comes_back_is_found_again(portal: Portal, engine: StandIn) -> None:
    before = await portal.pids("/api/Datasets")
    engine.kill()
    assert (await portal.get("/api/Datasets")).status_code == 503
    engine.start()
    for path in SEARCHES:
        assert (await portal.reader.get(f"/api/Datasets{path}")).status_code == 200, path
    assert await portal.pids("/api/Datasets") == before
    await until_health(portal, 200)


async def test_searches_under_way_when_it_is_killed_end_whole_or_unavailable(
    portal: Portal, engine: StandIn
) -> None:
    ended: Counter[int] = Counter()
    going = True

    async def reader() -> None:
        while going:
            answer = await portal.get("/api/Datasets")
            ended[answer.status_code] += 1
            found = answer.json()
            assert len(found) == DATASETS if answer.is_success else found["error"]["message"]

    readers = [asyncio.create_task(reader()) for _ in range(8)]
    for _ in range(3):
        await asyncio.sleep(0.3)
        await asyncio.to_thread(engine.kill)
        await asyncio.sleep(0.2)
        await asyncio.to_thread(engine.start)
    await asyncio.sleep(0.3)
    going = False
    await asyncio.gather(*readers)
    assert set(ended) == {200, 503}
    assert (await portal.get("/api/Datasets")).status_code == 200
