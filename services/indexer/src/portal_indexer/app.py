"""The indexer: settings in, a running service out."""

from typing import Any

from fastapi import FastAPI
from portal_shared.runtime.logs import logger
from portal_shared.runtime.worker import Worker
from portal_shared.search import index_fields
from portal_shared.service import problems
from portal_shared.service.app import Service

from portal_indexer import handlers, index_settings
from portal_indexer.catalogue import Catalogue
from portal_indexer.file_lists import Files
from portal_indexer.index_worker import Indexing
from portal_indexer.meilisearch import Engine
from portal_indexer.rebuild import Reindexing
from portal_indexer.settings import IndexerSettings

log = logger(__name__)

QUIET, PATIENCE = 0.5, 2.0  # seconds: of a record that is registered several events tell


def build(settings: IndexerSettings | None = None) -> FastAPI:
    settings = settings or IndexerSettings()
    service = Service("indexer", settings, database="catalogue")
    catalogue, files = Catalogue(service.database), Files(service.database)
    engine = Engine(settings)
    indexing = Indexing(catalogue, engine, settings.batch)
    reindexing = Reindexing(service.database, catalogue, engine, indexing)

    async def indexes_there() -> None:
        """An engine that lost its indexes, or whose fields are of before, is given everything."""
        made = [
            name
            for name in index_fields.INDEXES
            if await engine.ensure(name, index_settings.settings(name))
        ]
        if made:
            log.info("indexes to be filled", indexes=made)
            await catalogue.mark_all()

    async def facts() -> dict[str, Any]:
        counts = await catalogue.counts()
        lists = await files.pending()
        return {
            **counts,
            "pending": counts["pending"] + lists,
            "lists_incomplete": lists,
            "indexed": indexing.indexed,
            "refused_by_engine": indexing.refused,
            "reindex": await reindexing.state(),
        }

    service.add_start_step(catalogue.prepare)
    service.add_start_step(files.prepare)
    service.add_start_step(indexes_there)
    worker = service.add_worker(
        Worker("indexing", indexing.step, quiet_seconds=QUIET, max_quiet_seconds=PATIENCE)
    )
    rebuilding = service.add_worker(Worker("reindexing", reindexing.step))
    service.add_check("search", engine.ready)
    service.add_status_source(facts)
    service.subscribe(handlers.router, catalogue=catalogue, files=files, worker=worker)

    app = service.app()
    app.state.service = service

    @app.post("/reindex", status_code=202)
    async def reindex() -> dict[str, Any]:
        """Rebuild the indexes from the catalogue while readers are served, then swap."""
        told = await reindexing.ask()
        rebuilding.wake.set()
        return told

    @app.get("/reindex")
    async def progress() -> dict[str, Any]:
        return await reindexing.state()

    problems.install(app)
    return app
