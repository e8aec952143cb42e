"""A step indexes the collections side by side, and a failure of one loses nothing of another."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from portal_indexer.catalogue import Catalogue
from portal_indexer.index_worker import IndexWorker
from portal_indexer.marks.claims import Claims
from portal_shared.contracts.records import pid_key
from portal_shared.runtime import mongo
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.settings import Settings
from portal_shared.search.index_fields import DATASETS, DOCUMENTS

from tests import builders


@pytest.fixture
async def catalogue(settings: Settings) -> AsyncGenerator[Catalogue]:
    """A catalogue with a dataset and a document to index."""
    client = mongo.connect(settings)
    made = Catalogue(mongo.database(client, settings, "catalogue"))
    await made.prepare()
    await made.store(DATASETS, builders.dataset("set"), 1)
    await made.store(DOCUMENTS, builders.document("text", type="publication"), 1)
    await made.mark(**{DATASETS: ["set"], DOCUMENTS: ["text"]})
    yield made
    client.close()


class Index:
    """An engine that answers when both collections have been sent to it."""

    def __init__(self) -> None:
        self.sent: dict[str, list[str]] = {}
        self._both = asyncio.Event()

    async def replace(self, index: str, documents: list[bytes]) -> None:
        self.sent[index] = [json.loads(one)["id"] for one in documents]
        if len(self.sent) == 2:
            self._both.set()
        await self._both.wait()

    async def delete(self, _index: str, _ids: list[str]) -> None:
        """Nothing is deleted here."""


class BrokenIndex(Index):
    """An engine whose index of datasets cannot be reached."""

    async def replace(self, index: str, documents: list[bytes]) -> None:
        if index == DATASETS:
            raise Unavailable("The search engine cannot be reached")
        self.sent[index] = [json.loads(one)["id"] for one in documents]


def worker(catalogue: Catalogue, index: Any) -> IndexWorker:
    return IndexWorker(catalogue, Claims(catalogue.database), index, batch=5)


async def test_one_collection_is_built_while_another_is_loaded(catalogue: Catalogue) -> None:
    index = Index()
    await asyncio.wait_for(worker(catalogue, index).step(), timeout=60)
    assert index.sent == {DATASETS: [pid_key("set")], DOCUMENTS: [pid_key("text")]}


async def test_a_failure_is_raised_when_the_others_have_been_indexed(catalogue: Catalogue) -> None:
    broken = BrokenIndex()
    with pytest.raises(Unavailable, match="cannot be reached"):
        await worker(catalogue, broken).step()
    assert broken.sent == {DOCUMENTS: [pid_key("text")]}
    assert await catalogue.count_dirty() == 1
    assert not await Claims(catalogue.database).taken(DATASETS)
