"""An instrument is shown in the catalogue if a public dataset uses it, or none."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from portal_indexer.catalogue import Catalogue
from portal_indexer.index_worker import IndexWorker
from portal_indexer.marks.claims import Claims
from portal_shared.contracts.records import Instrument
from portal_shared.runtime import mongo
from portal_shared.runtime.mongo import Doc
from portal_shared.runtime.settings import Settings
from portal_shared.search.index_fields import DATASETS, INSTRUMENTS

from tests import builders

BM18 = {"pid": "bm18", "name": "BM18", "facility": "ESRF"}


class Index:
    """The number of instruments that the search engine has."""

    def __init__(self) -> None:
        self.shown = 0

    async def replace(self, _index: str, documents: list[bytes]) -> None:
        self.shown += len(documents)

    async def delete(self, _index: str, keys: list[str]) -> None:
        self.shown -= len(keys)


class BusyCatalogue(Catalogue):
    """A catalogue in which a dataset is stored after the first look at who uses an instrument."""

    arriving: bool | None = None  # whether it is public; None: it was stored

    async def is_used(self, instrument: str, *, by: Doc) -> bool:
        found = await super().is_used(instrument, by=by)
        if self.arriving is not None:
            public, self.arriving = self.arriving, None
            dataset = builders.dataset("a", instrument=BM18, is_public=public)
            await self.store(DATASETS, dataset, 1, new=True)
        return found


@pytest.fixture
async def catalogue(settings: Settings) -> AsyncGenerator[BusyCatalogue]:
    client = mongo.connect(settings)
    made = BusyCatalogue(mongo.database(client, settings, "catalogue"))
    await made.prepare()
    yield made
    client.close()


@pytest.mark.parametrize("public", [True, False])
async def test_a_dataset_that_comes_during_the_decision_hides_no_instrument(
    catalogue: BusyCatalogue, *, public: bool
) -> None:
    await catalogue.store(INSTRUMENTS, Instrument.model_validate(BM18), 1)
    await catalogue.mark(instruments=["bm18"])
    catalogue.arriving = public
    index: Any = Index()
    worker = IndexWorker(catalogue, Claims(catalogue.database), index, 5)
    await worker.step()
    assert index.shown == 1  # a hidden dataset has the instrument marked again when it is stored
    await catalogue.mark(instruments=["bm18"])
    await worker.step()
    assert index.shown == (2 if public else 0)
