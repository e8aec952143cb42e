"""The Atlas in catalogue and index, put there by the indexer's own code, without the bus."""

from collections.abc import Iterable

from portal_indexer import index_settings
from portal_indexer.catalogue import Catalogue, Marks
from portal_indexer.file_lists import FileLists
from portal_indexer.index_worker import IndexWorker
from portal_indexer.marks.claims import Claims
from portal_indexer.meilisearch import Meilisearch
from portal_indexer.settings import IndexerSettings
from portal_shared.contracts.events import (
    DatasetAvailability,
    DatasetFilesListed,
    DatasetRegistered,
    DatasetWithdrawn,
    DocumentRegistered,
    Event,
)
from portal_shared.runtime import mongo
from portal_shared.runtime.telemetry.origin import Origin
from portal_shared.search import index_fields

from tests.integration.gateway.records.small_atlas import registered, scan, withdrawal

BATCH = 200
NO_MARKS = Marks([], (Origin(),))
WITHDRAWN = scan("kidney", "left", "zoom", 3.0)
EMBARGOED = scan("stomach", "whole", "overview", 7.0, is_public=False)


def more_events() -> list[Event]:
    """A withdrawn dataset that was public, and one under embargo; both of a donor of the Atlas."""
    return [
        *registered(WITHDRAWN, EMBARGOED),
        withdrawal(WITHDRAWN),
    ]


async def load(settings: IndexerSettings, events: Iterable[Event]) -> None:
    """Stores and indexes what the events report."""
    client = mongo.connect(settings)
    database = mongo.database(client, settings, "catalogue")
    catalogue, engine = Catalogue(database), Meilisearch(settings)
    await catalogue.prepare()
    lists = FileLists(database)
    await lists.prepare()
    for name in index_fields.INDEXES:
        await engine.ensure(name, index_settings.settings(name))
    for event in events:
        if isinstance(event, DatasetRegistered):
            await catalogue.store(index_fields.DATASETS, event.dataset, event.version, new=True)
        elif isinstance(event, DocumentRegistered):
            await catalogue.store(index_fields.DOCUMENTS, event.document, event.version, new=True)
        elif isinstance(event, DatasetWithdrawn):
            await catalogue.withdraw(index_fields.DATASETS, event)
        elif isinstance(event, DatasetFilesListed):
            await lists.store_part(event)
        elif isinstance(event, DatasetAvailability):
            await catalogue.store_availability(event)
    worker = IndexWorker(catalogue, Claims(database), engine, BATCH)
    for name in index_fields.INDEXES:
        rows: list[mongo.Doc] = [
            {**row, "marks": NO_MARKS} for row in await catalogue.find(name, {})
        ]
        for start in range(0, len(rows), BATCH):
            await worker.index(name, name, rows[start : start + BATCH])
    client.close()
