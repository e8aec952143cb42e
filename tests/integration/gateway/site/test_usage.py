"""Views and downloads of datasets: what is counted, by several replicas, without persons."""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from portal_gateway import app as gateway_app
from portal_gateway.settings import GatewaySettings
from portal_gateway.usage.counter import UsageCounter
from portal_gateway.usage.store import UsageStore, Use
from portal_indexer.settings import IndexerSettings
from portal_shared.runtime import mongo
from portal_shared.runtime.errors import Unavailable

from tests.drivers.servers import isolated_settings
from tests.integration.gateway.loaded_atlas import load
from tests.integration.gateway.site import listed_files
from tests.integration.gateway.site.conftest import NO_BROKER
from tests.integration.gateway.site.listed_files import DOCUMENT, FULL, HIDDEN, WITHDRAWN

pytestmark = pytest.mark.asyncio(loop_scope="module")
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
VIEW = {"portal-view": "page", "user-agent": BROWSER}


def view(address: str) -> dict[str, str]:
    return {**VIEW, "portal-reader": address}


class Replicas:
    """Two gateways on one database."""

    def __init__(self, apps: list[FastAPI], database: mongo.Database) -> None:
        self.apps = apps
        self.database = database
        self.readers = [
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://portal")
            for app in apps
        ]

    async def usage(self, pid: str = FULL.pid) -> dict[str, Any]:
        """Returns the counts after both gateways stored what they counted."""
        for app in self.apps:
            await app.state.usage.store()
        answer = await self.readers[0].get(f"/api/records/{pid}/usage")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def views(self) -> int:
        return int((await self.usage())["views"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def replicas(mongo_server: str, search_url: tuple[str, str]) -> AsyncGenerator[Replicas]:
    own = {
        **isolated_settings(NO_BROKER, mongo_server).model_dump(),
        "meilisearch_url": search_url[0],
        "meilisearch_key": search_url[1],
        "index_prefix": f"t{uuid.uuid4().hex[:10]}_",
    }
    indexer = IndexerSettings.model_validate(own)
    await load(indexer, listed_files.events())
    apps = [gateway_app.build(GatewaySettings.model_validate(own)) for _ in range(2)]
    client = mongo.connect(indexer)
    found = Replicas(apps, mongo.database(client, indexer, "gateway"))
    for app in apps:
        await app.state.usage_store.prepare()
    yield found
    for app, reader in zip(apps, found.readers, strict=True):
        await reader.aclose()
        await app.state.file_states.close()
        app.state.engine.close()
    client.close()


async def test_views_of_all_replicas_are_added(replicas: Replicas) -> None:
    before = await replicas.views()
    for number, reader in enumerate((*replicas.readers, replicas.readers[0])):
        await reader.get(f"/api/records/{FULL.name}", headers=view(f"192.0.2.{number}"))
    found = await replicas.usage()
    assert found["views"] == before + 3
    today = datetime.now(UTC).date()
    assert found["since"] == today.isoformat()
    assert found["months"][-1]["month"] == today.isoformat()[:7]
    assert sum(one["views"] for one in found["months"]) == found["views"]
    assert "robot" in found["views_counted"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (f"/api/records/{FULL.name}", {"user-agent": BROWSER}),
        (f"/api/records/{FULL.name}", {**VIEW, "user-agent": "Googlebot/2.1"}),
        (f"/api/records/{FULL.name}", {**VIEW, "user-agent": ""}),
        (f"/api/records/{FULL.name}", {**VIEW, "portal-view": "yes"}),
        (f"/api/records/{FULL.name}/timeline", VIEW),
        (f"/api/records/{DOCUMENT.pid}", VIEW),
        (f"/api/records/{HIDDEN.pid}", VIEW),
        (f"/api/records/{WITHDRAWN.pid}", VIEW),
    ],
    ids=["api", "robot", "no name", "no page", "part", "document", "hidden", "withdrawn"],
)
async def test_other_reads_are_no_views(
    replicas: Replicas, path: str, headers: dict[str, str]
) -> None:
    before = await replicas.database["usage"].count_documents({}), await replicas.views()
    await replicas.readers[0].get(path, headers=headers)
    assert (
        await replicas.database["usage"].count_documents({}), await replicas.views()
    ) == before  # fmt: skip


async def test_a_page_loaded_again_at_once_counts_once(replicas: Replicas) -> None:
    before = await replicas.views()
    for address in ("192.0.2.50", "192.0.2.50", "192.0.2.51"):
        await replicas.readers[0].get(f"/api/records/{FULL.name}", headers=view(address))
    assert await replicas.views() == before + 2


async def test_nothing_but_numbers_by_month_is_stored(replicas: Replicas) -> None:
    await replicas.readers[0].get(f"/api/records/{FULL.name}", headers=view("192.0.2.60"))
    await replicas.usage()
    rows = [row async for row in replicas.database["usage"].find({"pid": FULL.pid})]
    assert [set(row) - {"downloads"} for row in rows] == [{"_id", "pid", "month", "views"}]


@pytest.mark.parametrize(
    ("pid", "status"), [(HIDDEN.pid, 404), (WITHDRAWN.pid, 410), ("none", 404)]
)
async def test_only_uses_of_public_datasets_are_shown(
    replicas: Replicas, pid: str, status: int
) -> None:
    answer = await replicas.readers[0].get(f"/api/records/{pid}/usage")
    assert answer.status_code == status


async def test_a_record_leads_to_its_uses(replicas: Replicas) -> None:
    record = (await replicas.readers[0].get(f"/api/records/{FULL.pid}")).json()
    answer = await replicas.readers[0].get(record["usage_url"])
    assert answer.json()["pid"] == FULL.pid


async def test_counts_wait_while_the_database_is_gone(replicas: Replicas) -> None:
    class Gone(UsageStore):
        is_gone = True

        async def add(self, uses: Any) -> None:
            if self.is_gone:
                raise Unavailable("MongoDB: gone")
            await super().add(uses)

    store = Gone(replicas.database)
    counter = UsageCounter(store)
    counter.count("a", "downloads")
    with pytest.raises(Unavailable):
        await counter.store()
    counter.count("a", "downloads")
    store.is_gone = False
    await counter.step()
    assert [row["downloads"] for row in await store.load("a")] == [2]


async def test_replicas_that_add_at_once_lose_nothing(replicas: Replicas) -> None:
    stores = [UsageStore(replicas.database) for _ in range(8)]
    uses = {Use(f"pid-{n}", "2026-01", "views"): 1 for n in range(20)}
    await asyncio.gather(*(store.add(uses) for store in stores))
    for use in uses:
        assert [row["views"] for row in await stores[0].load(use.pid)] == [8]
