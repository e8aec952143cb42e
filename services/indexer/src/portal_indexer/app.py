"""Composition root of the indexer: builds the service from its settings."""

from typing import Any

from fastapi import FastAPI
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import Database
from portal_shared.runtime.schema import Migration
from portal_shared.runtime.worker import Worker
from portal_shared.search import index_fields
from portal_shared.service import problems
from portal_shared.service.app import Service

from portal_indexer import handlers, index_settings, routes
from portal_indexer.catalogue import Catalogue
from portal_indexer.file_lists import FileLists
from portal_indexer.index_worker import IndexWorker
from portal_indexer.marks.claims import Claims
from portal_indexer.meilisearch import Meilisearch
from portal_indexer.rebuild import Rebuild
from portal_indexer.settings import IndexerSettings

log = logger(__name__)

# A new record causes several events: the worker starts when none came for QUIET_SECONDS, and at
# the latest after MAX_DELAY_SECONDS.
QUIET_SECONDS, MAX_DELAY_SECONDS = 0.5, 2.0
MAX_IDLE_SECONDS = 4.0  # between queries for what other replicas left


async def mark_instruments(database: Database) -> None:
    """Marks instruments: releases before showed those that hidden datasets alone use."""
    await Catalogue(database).mark_all(names=[index_fields.INSTRUMENTS])


MIGRATIONS = (Migration(2, "mark instruments", mark_instruments),)


def build(settings: IndexerSettings | None = None) -> FastAPI:
    settings = settings or IndexerSettings()
    service = Service("indexer", settings, database="catalogue", migrations=MIGRATIONS)
    database = service.database
    catalogue, files = Catalogue(database), FileLists(database)
    claims, meilisearch = Claims(database), Meilisearch(settings)
    index_worker = IndexWorker(catalogue, claims, meilisearch, settings.batch)
    rebuild = Rebuild(database, catalogue, meilisearch, index_worker)

    async def ensure_indexes() -> None:
        """Creates or updates the indexes; marks all records if an index has to be filled."""
        to_fill = [
            name
            for name in index_fields.INDEXES
            if await meilisearch.ensure(name, index_settings.settings(name))
        ]
        if to_fill:
            log.info("indexes to fill", indexes=to_fill)
            await catalogue.mark_all()

    async def index() -> bool:
        return await index_worker.step() or await index_worker.await_settled()

    async def status() -> dict[str, Any]:
        lists = await files.count_incomplete()
        return {
            "pending": await catalogue.count_dirty() + lists,
            "lists_incomplete": lists,
            "indexed": index_worker.indexed,
            "refused_by_engine": index_worker.refused,
            "reindex": await rebuild.state(),
        }

    stores = (catalogue.prepare, claims.prepare, files.prepare)
    for step in (*stores, ensure_indexes):
        service.add_start_step(step)
    worker = service.add_worker(
        Worker(
            "indexing",
            index,
            quiet_seconds=QUIET_SECONDS,
            max_quiet_seconds=MAX_DELAY_SECONDS,
            max_idle_seconds=MAX_IDLE_SECONDS,
        )
    )
    rebuild_worker = service.add_worker(
        Worker("reindexing", rebuild.step, max_idle_seconds=MAX_IDLE_SECONDS)
    )
    service.add_check("search", meilisearch.check_ready)
    service.add_status_source(status)
    service.add_totals(catalogue.counts)
    service.subscribe(handlers.router, catalogue=catalogue, files=files, worker=worker)

    app = service.app()
    app.state.service = service
    app.state.rebuild, app.state.rebuild_worker = rebuild, rebuild_worker
    app.include_router(routes.router)
    problems.install(app)
    return app
