"""A rebuild of the search indexes from the catalogue, with a mocked engine."""

from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import AsyncMock

import pytest
from portal_indexer.catalogue import Catalogue
from portal_indexer.index_worker import Indexing
from portal_indexer.meilisearch import Engine
from portal_indexer.rebuild import Reindexing
from portal_shared.runtime import mongo
from portal_shared.runtime.settings import Settings

from tests.builders import document


@pytest.fixture
def database(settings: Settings) -> Iterator[mongo.Database]:
    client = mongo.connect(settings)
    yield mongo.database(client, settings, "catalogue")
    client.close()


@pytest.mark.parametrize("document_type", ["atlas", "Atlas", " ATLAS "])
async def test_a_document_of_type_atlas_in_any_spelling_does_not_stop_a_rebuild(
    database: mongo.Database, document_type: str
) -> None:
    catalogue = Catalogue(database)
    await catalogue.prepare()
    publication = document("publication", profile="panosc")
    atlas = document("atlas", profile="panosc", type=document_type)
    await catalogue.put("documents", publication, 1)
    await catalogue.put("documents", atlas, 1)
    engine = AsyncMock(spec=Engine)
    written: dict[str, set[str]] = {"documents": set()}
    indexing = Indexing(catalogue, engine, batch=100)

    async def put(index: str, documents: Sequence[dict[str, Any]]) -> None:
        written.setdefault(index.removesuffix("_new"), set()).update(d["id"] for d in documents)

    async def count(index: str) -> int:
        return len(written.get(index.removesuffix("_new"), ()))

    engine.put.side_effect = put
    engine.count.side_effect = count
    rebuild = Reindexing(database, catalogue, engine, indexing)
    await rebuild.ask()

    await rebuild.step()

    state = await rebuild.state()
    assert state["state"] == "done"
    assert state["indexes"]["documents"] == 1
