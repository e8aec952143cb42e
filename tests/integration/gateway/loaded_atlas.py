"""The Atlas in catalogue and index, put there by the indexer's own code, without the bus.

Its rows and search documents are built once for all workers of a test run.
"""

import asyncio
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bson
from filelock import AsyncFileLock
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

from tests.integration.gateway import atlas_corpus
from tests.integration.gateway.records.small_atlas import registered, scan, withdrawal

BATCH = 200
LOAD_SECONDS = 900  # the first test of each worker waits for it, also on a busy machine
COLLECTIONS = (*index_fields.INDEXES, "techniques")  # of the catalogue, which have the Atlas
NO_MARKS = Marks([], (Origin(),))
WITHDRAWN = scan("kidney", "left", "zoom", 3.0)
EMBARGOED = scan("stomach", "whole", "overview", 7.0, is_public=False)


def more_events() -> list[Event]:
    """A withdrawn dataset that was public, and one under embargo; both of a donor of the Atlas."""
    return [
        *registered(WITHDRAWN, EMBARGOED),
        withdrawal(WITHDRAWN),
    ]


@dataclass
class Loaded:
    """What a loaded corpus consists of: rows of the catalogue, and documents of the indexes."""

    rows: dict[str, list[mongo.Doc]] = field(default_factory=dict[str, list[mongo.Doc]])
    documents: dict[str, list[mongo.Doc]] = field(default_factory=dict[str, list[mongo.Doc]])


class RecordingEngine(Meilisearch):
    """The engine; notes the documents that it gets."""

    def __init__(self, settings: IndexerSettings, loaded: Loaded) -> None:
        super().__init__(settings)
        self._loaded = loaded

    async def replace(self, index: str, documents: Sequence[bytes]) -> None:
        self._loaded.documents.setdefault(index, []).extend(documents)
        await super().replace(index, documents)


async def load_atlas(settings: IndexerSettings, worker_folder: Path) -> None:
    """Stores and indexes the Atlas and `more_events`.

    The first worker of a run builds the rows and documents; the others store the same.
    """
    is_shared = "PYTEST_XDIST_WORKER" in os.environ
    folder = worker_folder.parent if is_shared else worker_folder
    file = folder / "loaded-atlas.bson"
    # The lock is awaited, and seconds of work are done in a thread: heartbeats of the portal's
    # connections go on meanwhile.
    async with AsyncFileLock(folder / "loaded-atlas.lock", run_in_executor=False):
        if not file.exists():
            published = await asyncio.to_thread(atlas_corpus.events)
            loaded = await load(settings, [*published, *more_events()])
            file.write_bytes(bson.encode(vars(loaded)))
            return
    await _restore(settings, Loaded(**bson.decode(file.read_bytes())))


async def _restore(settings: IndexerSettings, loaded: Loaded) -> None:
    """Stores rows and documents as they were loaded before."""
    client = mongo.connect(settings)
    database = mongo.database(client, settings, "catalogue")
    engine = Meilisearch(settings)
    await _prepare(database, engine)
    for name, rows in loaded.rows.items():
        await database[name].insert_many(rows)
    for name, documents in loaded.documents.items():
        await engine.replace(name, documents)
    client.close()


async def _prepare(database: mongo.Database, engine: Meilisearch) -> None:
    await Catalogue(database).prepare()
    await FileLists(database).prepare()
    for name in index_fields.INDEXES:
        await engine.ensure(name, index_settings.settings(name))


async def load(settings: IndexerSettings, events: Iterable[Event]) -> Loaded:
    """Stores and indexes what the events report."""
    loaded = Loaded()
    client = mongo.connect(settings)
    database = mongo.database(client, settings, "catalogue")
    engine = RecordingEngine(settings, loaded)
    await _prepare(database, engine)
    await _store(database, list(events))
    catalogue = Catalogue(database)
    worker = IndexWorker(catalogue, Claims(database), engine, BATCH)
    for name in index_fields.INDEXES:
        rows: list[mongo.Doc] = [
            {**row, "marks": NO_MARKS} for row in await catalogue.find(name, {})
        ]
        for start in range(0, len(rows), BATCH):
            await worker.index(name, name, rows[start : start + BATCH])
    for name in COLLECTIONS:
        stored = await catalogue.find(name, {})
        if stored:
            loaded.rows[name] = stored
    client.close()
    return loaded


async def _store(database: mongo.Database, events: Sequence[Event]) -> None:
    """Stores records, all at once since the catalogue combines them to few writes, then others."""
    catalogue, lists = Catalogue(database), FileLists(database)
    datasets = (e for e in events if isinstance(e, DatasetRegistered))
    documents = (e for e in events if isinstance(e, DocumentRegistered))
    await asyncio.gather(
        *(catalogue.store(index_fields.DATASETS, e.dataset, e.version, new=True) for e in datasets),
        *(
            catalogue.store(index_fields.DOCUMENTS, e.document, e.version, new=True)
            for e in documents
        ),
    )
    for event in events:
        if isinstance(event, DatasetWithdrawn):
            await catalogue.withdraw(index_fields.DATASETS, event)
        elif isinstance(event, DatasetFilesListed):
            await lists.store_part(event)
        elif isinstance(event, DatasetAvailability):
            await catalogue.store_availability(event)
