"""A rebuild of the search indexes is complete even if some public records belong into no index."""

from portal_indexer.catalogue import Catalogue
from portal_indexer.index_worker import IndexWorker
from portal_indexer.meilisearch import Meilisearch
from portal_indexer.rebuild import Rebuild
from portal_shared.runtime import mongo
from portal_shared.search.index_fields import DATASETS, DOCUMENTS

from tests import builders


async def test_superseded_datasets_and_the_atlas_do_not_stop_a_rebuild(
    database: mongo.Database,
    catalogue: Catalogue,
    meilisearch: Meilisearch,
    index_worker: IndexWorker,
) -> None:
    rebuild = Rebuild(database, catalogue, meilisearch, index_worker)
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
