"""A rebuild of the search indexes is complete even if some public records belong into no index."""

import uuid
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
from portal_indexer import index_settings
from portal_indexer.catalogue import Catalogue
from portal_indexer.index_worker import IndexWorker
from portal_indexer.marks.claims import Claims
from portal_indexer.meilisearch import Meilisearch
from portal_indexer.rebuild import Rebuild
from portal_indexer.settings import IndexerSettings
from portal_shared.runtime import mongo
from portal_shared.search.index_fields import DATASETS, DOCUMENTS, INDEXES

from tests import builders
from tests.drivers.search.engine import StandIn


@pytest.fixture
def settings(mongo_server: str, tmp_path: Path) -> Generator[IndexerSettings]:
    stand_in = StandIn(tmp_path / "search")
    try:
        yield IndexerSettings.model_validate(
            {
                "mongo_url": mongo_server,
                "database_prefix": f"t{uuid.uuid4().hex[:10]}_",
                "meilisearch_url": stand_in.start().url,
            }
        )
    finally:
        stand_in.stop()


@pytest.fixture
async def database(settings: IndexerSettings) -> AsyncGenerator[mongo.Database]:
    client = mongo.connect(settings)
    yield mongo.database(client, settings, "catalogue")
    client.close()


async def test_superseded_datasets_and_the_atlas_do_not_stop_a_rebuild(
    settings: IndexerSettings, database: mongo.Database
) -> None:
    catalogue, meilisearch = Catalogue(database), Meilisearch(settings)
    rebuild = Rebuild(
        database, catalogue, meilisearch, IndexWorker(catalogue, Claims(database), meilisearch, 10)
    )
    await catalogue.prepare()
    for name in INDEXES:
        await meilisearch.ensure(name, index_settings.settings(name))
    for record in (builders.dataset("old", superseded_by="new"), builders.dataset("new")):
        await catalogue.store(DATASETS, record, 1)
    for record in (
        builders.document("publication", ("new",)),
        builders.document("atlas", type="Atlas"),
    ):
        await catalogue.store(DOCUMENTS, record, 1)

    await rebuild.request()
    assert await rebuild.step()

    state = await rebuild.state()
    assert state["state"] == "done"
    assert state["indexes"] == {"documents": 1, "datasets": 1, "instruments": 0}
