"""A record that Meilisearch refuses does not keep others of its batch from the index."""

import json

import pytest
from portal_indexer import search_documents
from portal_indexer.catalogue import Catalogue
from portal_indexer.index_worker import IndexWorker
from portal_indexer.meilisearch import Meilisearch
from portal_indexer.search_documents import SearchDocument
from portal_shared.runtime import mongo
from portal_shared.search import index_fields
from portal_shared.search.index_fields import DATASETS

from tests import builders

RECORDS = 200
MAX_REQUESTS = 40  # one by one it would be 200


async def test_a_refused_record_is_found_in_few_requests(
    database: mongo.Database,
    catalogue: Catalogue,
    meilisearch: Meilisearch,
    index_worker: IndexWorker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encode, replace = search_documents.encode, meilisearch.replace
    requests: list[int] = []

    def encode_with_a_wrong_id(document: SearchDocument) -> bytes:
        of_answer = json.loads(document[index_fields.JSON])
        is_wrong = of_answer["pid"] == "d77"
        return encode({**document, "id": "not an id"} if is_wrong else document)

    async def replace_and_count(index: str, documents: list[bytes]) -> None:
        requests.append(len(documents))
        await replace(index, documents)

    monkeypatch.setattr(search_documents, "encode", encode_with_a_wrong_id)
    monkeypatch.setattr(meilisearch, "replace", replace_and_count)
    for number in range(RECORDS):
        await catalogue.store(DATASETS, builders.dataset(f"d{number}"), 1)
    await catalogue.mark(datasets={f"d{number}" for number in range(RECORDS)})

    while await index_worker.step() or await index_worker.await_settled():
        pass

    assert await meilisearch.count(DATASETS) == RECORDS - 1
    refused = await database[DATASETS].find({"unfit": {"$ne": None}}).to_list(None)
    assert [row["_id"] for row in refused] == ["d77"]
    assert "not an id" in refused[0]["unfit"]
    assert index_worker.refused == 1
    assert len(requests) < MAX_REQUESTS
