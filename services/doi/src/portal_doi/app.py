"""Composition root of the doi service: builds the running service from its settings."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

from fastapi import FastAPI
from portal_shared.runtime.worker import Worker
from portal_shared.service import problems
from portal_shared.service.app import Service

from portal_doi import handlers, routes
from portal_doi.datacite import CONNECT_SECONDS, DataCite
from portal_doi.minting.admin import OperatorActions
from portal_doi.minting.audit import Audit
from portal_doi.minting.reconciler import Reconciler
from portal_doi.settings import DoiSettings
from portal_doi.store.clock import Clock
from portal_doi.store.intent_writer import IntentWriter
from portal_doi.store.leases import Leases
from portal_doi.store.operator_store import OperatorStore
from portal_doi.store.rate_limit import MAX_WAIT_SECONDS, RateLimiter
from portal_doi.store.registry import Registry
from portal_doi.store.relations import Relations

MAX_CALLS_PER_ROW = 3  # to DataCite
MAX_IDLE_SECONDS = 10.0  # between queries for work without a wake-up, such as the end of an embargo
LEASE_FACTOR = 1.5  # a killed replica's rows are free after this many times the longest work


def build(settings: DoiSettings | None = None) -> FastAPI:
    settings = settings or DoiSettings()
    service = Service("doi", settings)
    clock = Clock(service.database)
    longest_call = CONNECT_SECONDS + settings.datacite_timeout
    longest_work = MAX_WAIT_SECONDS + MAX_CALLS_PER_ROW * longest_call
    registry = Registry(service.client, service.database, service.outbox, clock)
    operator_store = OperatorStore(registry)
    leases = Leases(registry, duration=timedelta(seconds=LEASE_FACTOR * longest_work))
    datacite = DataCite(settings)
    relations = Relations(
        registry, quiet=settings.relations_quiet, patience=settings.relations_patience
    )
    rate_limiter = RateLimiter(
        service.database, clock, rate=settings.datacite_rate, burst=settings.datacite_burst
    )
    reconciler = Reconciler(
        leases,
        relations,
        datacite,
        rate_limiter,
        site_url=settings.site_url,
        parallelism=settings.parallelism,
        begin_within=(LEASE_FACTOR - 1) * longest_work,
    )
    worker = service.add_worker(
        Worker("identifiers", reconciler.step, max_idle_seconds=MAX_IDLE_SECONDS)
    )
    service.add_start_step(registry.prepare)
    service.add_check("DataCite", datacite.check_health)
    service.add_status_source(operator_store.pending)
    service.add_totals(operator_store.counts)
    intent_writer = IntentWriter(registry, prefix=settings.datacite_prefix)
    service.subscribe(handlers.router, intent_writer=intent_writer, reconciler=worker)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        async with service.running():
            yield
        await datacite.close()

    app = service.app(lifespan)
    app.state.operator_store = operator_store
    app.state.operator_actions = OperatorActions(
        registry, operator_store, worker, prefix=settings.datacite_prefix, profile=settings.profile
    )
    app.state.audit = Audit(
        operator_store, relations, datacite, reconciler, rate_limiter, wake=worker.wake.set
    )
    app.include_router(routes.router)
    problems.install(app)
    return app
