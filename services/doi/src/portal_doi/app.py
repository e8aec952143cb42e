"""Composition root of doi: settings in, a running service out."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

from fastapi import FastAPI
from portal_shared.runtime.worker import Worker
from portal_shared.service import problems
from portal_shared.service.app import Service

from portal_doi import handlers, routes
from portal_doi.datacite import CONNECT_SECONDS, DataCite
from portal_doi.minting.admin import Operating
from portal_doi.minting.audit import Auditing
from portal_doi.minting.reconciler import Minting
from portal_doi.settings import DoiSettings
from portal_doi.store.clock import Clock
from portal_doi.store.intent_writer import Keeping
from portal_doi.store.leases import Claims
from portal_doi.store.rate_limit import LONGEST_WAIT, Pace
from portal_doi.store.registry import Registry
from portal_doi.store.relations import Relations

CALLS_A_ROW = 3  # to DataCite, for one row, at most
LONGEST_IDLE = 10.0  # seconds between looks for what nobody woke us for: an embargo that ends
SLACK = 1.5  # a killed replica's rows come free after this many times the longest work


def build(settings: DoiSettings | None = None) -> FastAPI:
    settings = settings or DoiSettings()
    service = Service("doi", settings)
    clock = Clock(service.database)
    longest = LONGEST_WAIT + CALLS_A_ROW * (CONNECT_SECONDS + settings.datacite_timeout)
    registry = Registry(service.client, service.database, service.outbox, clock)
    claims = Claims(registry, lease=timedelta(seconds=SLACK * longest))
    datacite = DataCite(settings)
    relations = Relations(
        registry, quiet=settings.relations_quiet, patience=settings.relations_patience
    )
    pace = Pace(service.database, clock, rate=settings.datacite_rate, burst=settings.datacite_burst)
    minting = Minting(
        claims,
        relations,
        datacite,
        pace,
        site_url=settings.site_url,
        parallelism=settings.parallelism,
        begin_within=(SLACK - 1) * longest,
    )
    worker = service.add_worker(Worker("identifiers", minting.step, max_idle_seconds=LONGEST_IDLE))
    service.add_start_step(registry.prepare)
    service.add_check("DataCite", datacite.check_health)
    service.add_status_source(registry.counts)
    keeping = Keeping(registry, prefix=settings.datacite_prefix)
    service.subscribe(handlers.router, keeping=keeping, minting=worker)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        async with service.running():
            yield
        datacite.close()

    app = service.app(FastAPI(title="portal doi", lifespan=lifespan))
    app.state.registry = registry
    app.state.operating = Operating(
        registry, worker, prefix=settings.datacite_prefix, profile=settings.profile
    )
    app.state.auditing = Auditing(
        registry, relations, datacite, minting, pace, wake=worker.wake.set
    )
    app.include_router(routes.router)
    problems.install(app)
    return app
