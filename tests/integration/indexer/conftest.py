"""An index worker with a database and a search engine of its own."""

import uuid
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
from portal_indexer import index_settings
from portal_indexer.catalogue import Catalogue
from portal_indexer.index_worker import IndexWorker
from portal_indexer.marks.claims import Claims
from portal_indexer.meilisearch import Meilisearch
from portal_indexer.settings import IndexerSettings
from portal_shared.runtime import mongo
from portal_shared.search.index_fields import INDEXES
from pydantic import SecretStr

from tests.drivers.search.engine import StandIn


@pytest.fixture
def indexer_settings(mongo_server: str, tmp_path: Path) -> Generator[IndexerSettings]:
    stand_in = StandIn(tmp_path / "search")
    try:
        yield IndexerSettings(
            mongo_url=SecretStr(mongo_server),
            database_prefix=f"t{uuid.uuid4().hex[:10]}_",
            meilisearch_url=stand_in.start().url,
        )
    finally:
        stand_in.stop()


@pytest.fixture
async def database(indexer_settings: IndexerSettings) -> AsyncGenerator[mongo.Database]:
    client = mongo.connect(indexer_settings)
    yield mongo.database(client, indexer_settings, "catalogue")
    client.close()


@pytest.fixture
async def catalogue(database: mongo.Database) -> Catalogue:
    found = Catalogue(database)
    await found.prepare()
    return found


@pytest.fixture
async def meilisearch(indexer_settings: IndexerSettings) -> Meilisearch:
    """The engine, with empty indexes."""
    found = Meilisearch(indexer_settings)
    for name in INDEXES:
        await found.ensure(name, index_settings.settings(name))
    return found


@pytest.fixture
def index_worker(catalogue: Catalogue, meilisearch: Meilisearch) -> IndexWorker:
    return IndexWorker(catalogue, Claims(catalogue.database), meilisearch, batch=500)
