"""Builds the ingest service from its settings."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from portal_shared.messaging import topology
from portal_shared.runtime.lease import TaskLease
from portal_shared.runtime.worker import Worker
from portal_shared.service import problems
from portal_shared.service.app import Service

from portal_ingest import handlers, routes
from portal_ingest.dois.audit import DoiAudit
from portal_ingest.dois.writeback import DoiWriteback
from portal_ingest.icat.adapter import Icat
from portal_ingest.jobs.acceptance import Acceptance
from portal_ingest.jobs.acceptance_queue import AcceptanceQueue
from portal_ingest.jobs.runner import JobRunner
from portal_ingest.records.editor import RecordEditor
from portal_ingest.records.embargo import EmbargoReleaser
from portal_ingest.records.file_list import FileListReader
from portal_ingest.records.inbox import Inbox
from portal_ingest.records.instruments import Instruments
from portal_ingest.records.registration import Registrar
from portal_ingest.records.release import Release
from portal_ingest.records.republisher import Republisher
from portal_ingest.records.succession import Succession
from portal_ingest.settings import IngestSettings
from portal_ingest.stomp import bridge
from portal_ingest.stomp.proxy import StompProxy
from portal_ingest.store.dois import DoiStore
from portal_ingest.store.file_lists import FileListStore
from portal_ingest.store.jobs import JobStore
from portal_ingest.store.records import RecordStore

# Between queries for work without a wake-up: jobs to repeat, and what other replicas left.
MAX_IDLE_SECONDS = 4.0


def build(settings: IngestSettings | None = None) -> FastAPI:
    settings = settings or IngestSettings()
    service = Service("ingest", settings)
    client, database, outbox = service.client, service.database, service.outbox
    jobs = JobStore(client, database, outbox, lease=timedelta(seconds=settings.job_lease))
    dois = DoiStore(database, refusal_pauses=settings.icat_refusal_pauses)
    file_lists = FileListStore(client, database, outbox)
    records = RecordStore(client, database, outbox, file_lists=file_lists, dois=dois)
    icat = Icat(settings)
    reader = FileListReader(file_lists, Inbox(settings.intake_root))
    instruments, succession = Instruments(records), Succession(records)
    release = Release(instruments, succession)
    registrar = Registrar(
        records, dois, icat, reader, instruments=instruments, succession=succession
    )
    editor = RecordEditor(records, icat, registrar, release)
    runner = JobRunner(jobs, instruments, registrar, editor)
    writeback = DoiWriteback(records, dois, icat, at_once=settings.icat_clients)
    for store in (jobs, records, dois, file_lists):
        service.add_start_step(store.prepare)
    job_workers = _add_job_workers(service, runner, settings.jobs_at_once)
    _add_releaser(service, EmbargoReleaser(records, release))
    writeback_worker = service.add_worker(
        Worker("DOIs to ICAT", writeback.step, max_idle_seconds=MAX_IDLE_SECONDS)
    )
    acceptance_queue = AcceptanceQueue(Acceptance(jobs, records, settings.profile))
    service.retries.order_by_queue[topology.JOBS] = acceptance_queue
    service.subscribe(
        handlers.router,
        acceptance_queue=acceptance_queue,
        jobs=jobs,
        dois=dois,
        job_workers=job_workers,
        writeback_worker=writeback_worker,
    )
    if settings.esrf_bridge:
        service.subscribe(bridge.router(), publisher=service.publisher)

    async def status() -> Mapping[str, Any]:
        counts = {**await jobs.count_unfinished(), "icat_due": await dois.count_waiting()}
        return {**counts, "pending": sum(counts.values()), "refusals": await dois.refused()}

    service.add_status_source(status)
    service.add_totals(jobs.counts)
    service.add_totals(records.counts)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        async with _stomp_proxy(settings), service.running():
            yield
        icat.close()

    app = service.app(lifespan)
    app.state.jobs, app.state.records, app.state.dois = jobs, records, dois
    app.state.doi_audit = DoiAudit(records, dois, icat, writeback)
    app.state.republisher = Republisher(records, file_lists)
    app.include_router(routes.router)
    problems.install(app)
    return app


def _add_job_workers(service: Service, runner: JobRunner, count: int) -> list[Worker]:
    return [
        service.add_worker(Worker(f"jobs {n}", runner.step, max_idle_seconds=MAX_IDLE_SECONDS))
        for n in range(count)
    ]


def _add_releaser(service: Service, releaser: EmbargoReleaser) -> None:
    step = TaskLease(service.database, "embargoes").limit(releaser.step)
    service.add_worker(Worker("embargoes", step, max_idle_seconds=MAX_IDLE_SECONDS))


@asynccontextmanager
async def _stomp_proxy(settings: IngestSettings) -> AsyncGenerator[None]:
    """Runs the proxy for pyicat-plus, if it is configured."""
    if not (settings.esrf_bridge and settings.esrf_stomp):
        yield
        return
    host, _, port = settings.esrf_stomp_door.rpartition(":")
    proxy = StompProxy(settings.esrf_stomp, settings.esrf_stomp_vhost)
    server = await proxy.open(host, int(port))
    try:
        yield
    finally:
        server.close()
