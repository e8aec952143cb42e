"""A gateway over the Atlas, shared by all tests of this folder: they only read.

Records go into catalogue and index by the indexer's own code; the bus is another test's matter.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
from portal_gateway import app as gateway_app
from portal_gateway.settings import GatewaySettings
from portal_indexer import index_settings
from portal_indexer.catalogue import Catalogue
from portal_indexer.file_lists import FileLists
from portal_indexer.index_worker import IndexWorker
from portal_indexer.marks.claims import Claims
from portal_indexer.meilisearch import Meilisearch
from portal_indexer.settings import IndexerSettings
from portal_shared.contracts.events import (
    DatasetRegistered,
    DatasetWithdrawn,
    DocumentRegistered,
    Event,
)
from portal_shared.runtime import mongo
from portal_shared.runtime.settings import Settings
from portal_shared.search import index_fields

from tests.drivers.servers import isolated_settings
from tests.integration.gateway import atlas_corpus
from tests.integration.gateway.records.small_atlas import registered, scan

NO_BROKER = "amqp://guest:guest@127.0.0.1:9/"
BATCH = 200
WITHDRAWN = scan("kidney", "left", "zoom", 3.0)
EMBARGOED = scan("stomach", "whole", "overview", 7.0, is_public=False)


@dataclass
class Site:
    """A client of the gateway."""

    reader: httpx.AsyncClient


def more_events() -> list[Event]:
    """A withdrawn dataset that was public, and one under embargo; both of a donor of the Atlas."""
    return [
        *registered(WITHDRAWN, EMBARGOED),
        DatasetWithdrawn(
            pid=WITHDRAWN.pid,
            version=2,
            title=WITHDRAWN.title,
            reason="The sample was mixed up",
            withdrawn_at="2026-01-02T00:00:00Z",  # pyright: ignore[reportArgumentType]
            dataset=WITHDRAWN,
        ),
    ]


async def load(settings: IndexerSettings, events: Iterable[Event]) -> None:
    """Stores and indexes what the events report."""
    client = mongo.connect(settings)
    database = mongo.database(client, settings, "catalogue")
    catalogue, engine = Catalogue(database), Meilisearch(settings)
    await catalogue.prepare()
    await FileLists(database).prepare()
    for name in index_fields.INDEXES:
        await engine.ensure(name, index_settings.settings(name))
    for event in events:
        if isinstance(event, DatasetRegistered):
            await catalogue.store(index_fields.DATASETS, event.dataset, event.version, new=True)
        elif isinstance(event, DocumentRegistered):
            await catalogue.store(index_fields.DOCUMENTS, event.document, event.version, new=True)
        elif isinstance(event, DatasetWithdrawn):
            await catalogue.withdraw(index_fields.DATASETS, event)
    worker = IndexWorker(catalogue, Claims(database), engine, BATCH)
    for name in index_fields.INDEXES:
        rows: list[mongo.Doc] = [{**row, "marks": []} for row in await catalogue.find(name, {})]
        for start in range(0, len(rows), BATCH):
            await worker.index(name, name, rows[start : start + BATCH])
    client.close()


@pytest.fixture(scope="package")
def settings_of_package(mongo_server: str) -> Settings:
    return isolated_settings(NO_BROKER, mongo_server)


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def site(settings_of_package: Settings, search_url: tuple[str, str]) -> AsyncGenerator[Site]:
    own = {
        **settings_of_package.model_dump(),
        "meilisearch_url": search_url[0],
        "meilisearch_key": search_url[1],
        "index_prefix": f"t{uuid.uuid4().hex[:10]}_",
    }
    published = await asyncio.to_thread(atlas_corpus.events)
    await load(IndexerSettings.model_validate(own), [*published, *more_events()])
    app = gateway_app.build(GatewaySettings.model_validate(own))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://portal") as reader:
        yield Site(reader)
    app.state.engine.close()
