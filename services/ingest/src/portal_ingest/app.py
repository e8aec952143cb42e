"""Composition root of ingest: settings in, a running service out."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from portal_shared.runtime.worker import Worker
from portal_shared.service.app import Service

from portal_ingest import handlers, routes
from portal_ingest.dois.audit import DoiAudit
from portal_ingest.dois.writeback import Writeback
from portal_ingest.icat.adapter import Icat
from portal_ingest.jobs.runner import Working
from portal_ingest.records.changes import Changing, Embargo
from portal_ingest.records.inbox import Intake
from portal_ingest.records.registration import Registering
from portal_ingest.settings import IngestSettings
from portal_ingest.stomp import bridge
from portal_ingest.stomp.proxy import Door
from portal_ingest.store.jobs import JobLog
from portal_ingest.store.records import Registry


def build(settings: IngestSettings | None = None) -> FastAPI:
    settings = settings or IngestSettings()
    service = Service("ingest", settings)
    lease = timedelta(seconds=settings.job_lease)
    jobs = JobLog(service.client, service.database, service.outbox, lease=lease)
    registry = Registry(service.client, service.database, service.outbox)
    icat = Icat(settings)
    registering = Registering(registry, icat, Intake(settings.intake_root))
    changing = Changing(registry, icat, registering)
    doing = Working(jobs, registering, changing)
    working = [service.work(Worker(f"jobs {n}", doing.step)) for n in range(settings.jobs_at_once)]
    service.work(Worker("embargoes", Embargo(registry).step))
    writeback = Writeback(registry, icat)
    writing_back = service.work(Worker("DOIs to ICAT", writeback.step))
    service.prepare(jobs.prepare)
    service.prepare(registry.prepare)
    service.subscribe(
        handlers.router,
        jobs=jobs,
        registry=registry,
        working=working,
        writing_back=writing_back,
        profile=settings.profile,
    )

    if settings.esrf_bridge:
        service.subscribe(bridge.router(), publisher=service.publisher)

    async def facts() -> Mapping[str, Any]:
        told = {**await jobs.counts(), **await registry.counts()}
        told["pending"] = told["jobs_accepted"] + told["jobs_working"] + told["icat_due"]
        return told

    service.facts(facts)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        async with _door(settings), service.running():
            yield
        icat.close()

    app = service.app(FastAPI(title="portal ingest", lifespan=lifespan))
    app.state.jobs, app.state.registry = jobs, registry
    app.state.doi_audit = DoiAudit(registry, icat, writeback)
    app.include_router(routes.router)
    return app


@asynccontextmanager
async def _door(settings: IngestSettings) -> AsyncGenerator[None]:
    """For pyicat-plus, where it is wanted."""
    if not (settings.esrf_bridge and settings.esrf_stomp):
        yield
        return
    host, _, port = settings.esrf_stomp_door.rpartition(":")
    door = Door(settings.esrf_stomp, settings.esrf_stomp_vhost)
    server = await door.open(host, int(port))
    try:
        yield
    finally:
        server.close()
