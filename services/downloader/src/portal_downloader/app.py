"""Composition root of the downloader."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI
from portal_shared.runtime.batcher import write_batcher
from portal_shared.runtime.errors import PortalError
from portal_shared.runtime.worker import Worker
from portal_shared.service.app import Service
from starlette.exceptions import HTTPException

from portal_downloader import handlers
from portal_downloader.archives.factory import make_archive
from portal_downloader.archives.protocol import Archive
from portal_downloader.archives.tape_locations import TapeLocator
from portal_downloader.bundles.layouts import LayoutCache
from portal_downloader.bundles.selection import SelectionReader
from portal_downloader.cache.disk import Cache
from portal_downloader.cache.eviction import CacheSpace
from portal_downloader.cache.identity import CacheIdentity
from portal_downloader.cache.intake import Intake
from portal_downloader.cache.recovery import CacheRecovery
from portal_downloader.cache.residency import CHECK_SECONDS, ResidentCleaner
from portal_downloader.domain.estimates import Throughput
from portal_downloader.http import problems
from portal_downloader.http.access import FileAccess
from portal_downloader.http.sendfile import SendfileApplication
from portal_downloader.routes import failures, files
from portal_downloader.routes.bundles import BundleResponder
from portal_downloader.routes.crops import CropResponder
from portal_downloader.routes.estimates import EstimateResponder
from portal_downloader.routes.volumes import make_volume_responder
from portal_downloader.settings import DownloaderSettings
from portal_downloader.staging.cancellation import Canceller
from portal_downloader.staging.fetcher import Fetcher
from portal_downloader.staging.file_lists import FileListImporter
from portal_downloader.staging.online_copies import OnlineCopier
from portal_downloader.staging.pins import PinReleaser, PinRenewer
from portal_downloader.staging.planner import Planner
from portal_downloader.staging.poller import Poller
from portal_downloader.staging.progress import ProgressPublisher
from portal_downloader.staging.queue import Enqueuer
from portal_downloader.staging.submitter import Submitter
from portal_downloader.staging.watchdog import FALLBACK_POLL_SECONDS, IDLE_POLL_SECONDS, Watchdog
from portal_downloader.store.batches import Batches
from portal_downloader.store.contents import Contents
from portal_downloader.store.damages import Damages
from portal_downloader.store.datasets import Datasets
from portal_downloader.store.files import Files
from portal_downloader.store.requests import Requests
from portal_downloader.store.resident_files import ResidentFiles
from portal_downloader.store.signals import Signal, Signals
from portal_downloader.store.stores import Stores
from portal_downloader.volumes.volume_files import VolumeFiles
from portal_downloader.volumes.workers import Workers


def build(settings: DownloaderSettings | None = None) -> FastAPI:
    """Builds the application from settings."""
    settings = settings or DownloaderSettings()
    needs = (("database",), ("cache",))
    service = Service("downloader", settings, needs=needs, waits_for_bus=False)
    signals, archive = Signals(), make_archive(settings)
    cache = Cache(settings.cache_dir)
    stores = _make_stores(service, settings, cache, signals)
    space = CacheSpace(settings, contents=stores.contents, files=stores.files, cache=cache)
    throughput = Throughput()
    importer = _add_workers(
        service,
        settings,
        stores,
        signals,
        cache=cache,
        space=space,
        archive=archive,
        throughput=throughput,
    )
    seconds, max_gathered = settings.gather_seconds, handlers.MAX_GATHERED
    records = write_batcher(
        stores.datasets.store_registered, collect_seconds=seconds, max_batch=max_gathered
    )
    lists = write_batcher(importer.import_events, collect_seconds=seconds, max_batch=max_gathered)

    async def status() -> Mapping[str, Any]:
        waiting = await stores.datasets.count_waiting()
        gathered = records.pending + lists.pending
        return {**waiting, "pending": gathered + sum(waiting.values())}

    async def totals() -> Mapping[str, Any]:
        return {
            "datasets": await stores.datasets.count(),
            "files": await stores.files.sums.counts(),
            "requests": await stores.requests.counts(),
            **await stores.batches.counts(),
            "resident": await stores.resident_files.counts(),
            "damaged_files": await stores.damages.count(),
            "cache": await space.status(),
        }

    service.add_check("cache", partial(asyncio.to_thread, cache.check))
    service.add_status_source(status)
    service.add_totals(totals)
    service.subscribe(
        handlers.router,
        datasets=stores.datasets,
        requests=stores.requests,
        resident_files=stores.resident_files,
        cleaner=signals.cleaner,
        records=records,
        lists=lists,
    )
    app = _make_application(service, settings, stores, cache=cache, space=space, archive=archive)
    app.state.estimates = EstimateResponder(stores, throughput, settings)
    return app


def _make_stores(
    service: Service, settings: DownloaderSettings, cache: Cache, signals: Signals
) -> Stores:
    """Creates the repositories and prepares them before messages are consumed."""
    database, lease = service.database, settings.lease_seconds
    files = Files(database, lease, signals)
    stores = Stores(
        datasets=Datasets(database, lease, signals),
        files=files,
        requests=Requests(database, lease, signals),
        batches=Batches(database, lease, signals),
        contents=Contents(database),
        damages=Damages(database),
        resident_files=ResidentFiles(files),
    )
    for repository in (
        stores.datasets,
        stores.files,
        stores.requests,
        stores.batches,
        stores.contents,
        stores.resident_files,
    ):
        service.add_start_step(repository.prepare)
    identity = CacheIdentity(database, settings.cache_dir, replaces=settings.cache_replaces)
    service.add_start_step(identity.check)
    service.add_start_step(CacheRecovery(stores, cache, keep_seconds=settings.keep_seconds).recover)
    return stores


def _add_workers(
    service: Service,
    settings: DownloaderSettings,
    stores: Stores,
    signals: Signals,
    *,
    cache: Cache,
    space: CacheSpace,
    archive: Archive,
    throughput: Throughput,
) -> FileListImporter:
    """Adds all workers, in the order in which a file passes them."""
    client, outbox = service.client, service.outbox
    locator = TapeLocator(
        settings.tape_places_url, timeout=settings.tape_timeout, ca_file=settings.tape_ca_file
    )
    importer = FileListImporter(stores, cache, signals.copier)
    fetcher = Fetcher(
        settings, stores=stores, cache=cache, archive=archive, space=space, throughput=throughput
    )
    enqueuer, intake = Enqueuer(settings, stores, cache, locator), Intake(settings.intake_root)
    copier = OnlineCopier(settings, stores, cache=cache, intake=intake, enqueuer=enqueuer)
    planner = Planner(settings, stores, cache=cache, client=client, outbox=outbox, locator=locator)
    publisher = ProgressPublisher(
        stores,
        client=client,
        outbox=outbox,
        pause=settings.progress_seconds,
        throughput=throughput,
        blocked_reason=lambda: space.blocked_reason,
    )
    _add_cleaner(service, stores, signals, space)
    watchdog, renewer = Watchdog(stores, signals), PinRenewer(settings, stores, archive)
    steps: list[tuple[str, Signal, Callable[[], Awaitable[bool]]]] = [
        ("file list importer", signals.importer, importer.step),
        ("online copier", signals.copier, copier.step),
        ("planner", signals.planner, planner.step),
        (
            "submitter",
            signals.submitter,
            Submitter(settings, stores, archive=archive, space=space).step,
        ),
        ("poller", signals.poller, Poller(settings, stores, archive).step),
        ("pin releaser", signals.pin_releaser, PinReleaser(stores.batches, archive).step),
        *(
            (f"fetcher {number}", signals.fetcher, fetcher.step)
            for number in range(settings.fetches_at_once)
        ),
        ("progress publisher", signals.publisher, publisher.step),
        ("canceller", signals.canceller, Canceller(stores).step),
    ]
    for name, signal, step in steps:
        is_watched = signal in watchdog.signalled
        idle = FALLBACK_POLL_SECONDS if is_watched else IDLE_POLL_SECONDS
        worker = service.add_worker(Worker(name, step, idle_seconds=idle))
        signal.add_events(worker.wake, *([watchdog.may_have_work] if is_watched else ()))
    service.add_worker(Worker("watchdog", watchdog.step))
    service.add_worker(Worker("pin renewer", renewer.step, idle_seconds=renewer.idle))
    return importer


def _add_cleaner(service: Service, stores: Stores, signals: Signals, space: CacheSpace) -> None:
    """Adds the worker that releases files of withdrawn datasets."""
    step = ResidentCleaner(stores, space).step
    worker = service.add_worker(Worker("resident cleaner", step, idle_seconds=CHECK_SECONDS))
    signals.cleaner.add_events(worker.wake)


def _make_application(
    service: Service,
    settings: DownloaderSettings,
    stores: Stores,
    *,
    cache: Cache,
    space: CacheSpace,
    archive: Archive,
) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        async with service.running_beside(operators, settings):
            yield
        workers.close()
        await archive.close()

    app = service.plain_app(SendfileApplication, lifespan)
    service.add_probes(app)
    service.observe(app)
    operators = app.state.operators = service.app()
    access = FileAccess(settings.site_url, stores, cache, space, read_seconds=settings.read_seconds)
    selections = SelectionReader(stores.files)
    layouts = LayoutCache(selections, stores.contents, cache)
    app.state.bundles = BundleResponder(access, selections, layouts)
    volumes = VolumeFiles(access, stores.files)
    app.state.crops = CropResponder(
        volumes,
        most_voxels=settings.crop_voxels,
        most_bytes=settings.crop_memory_bytes,
        at_once=settings.crops_at_once,
    )
    workers = Workers(settings.slices_at_once, settings.slices_pending)
    app.state.volumes = make_volume_responder(volumes, stores.damages, workers, settings)
    app.state.requests = stores.requests
    operators.state.failure_report = failures.FailureReport(stores.files, stores.damages, cache)
    operators.include_router(failures.router)
    app.include_router(files.router)
    for made in (app, operators):
        for kind in (PortalError, HTTPException):
            made.add_exception_handler(kind, problems.handle_error)
    return app
