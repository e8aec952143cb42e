"""Composition root of the downloader: settings in, a running service out."""

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
from portal_downloader.archives.factory import archive
from portal_downloader.archives.protocol import Archive
from portal_downloader.archives.tape_locations import Places
from portal_downloader.bundles.layouts import Bundling
from portal_downloader.bundles.selection import Selected
from portal_downloader.cache.disk import Cache
from portal_downloader.cache.eviction import Room
from portal_downloader.cache.recovery import Recovering
from portal_downloader.domain.estimates import Pace
from portal_downloader.http import problems
from portal_downloader.http.access import Store
from portal_downloader.http.sendfile import Application
from portal_downloader.routes import failures, files
from portal_downloader.routes.bundles import Delivery
from portal_downloader.routes.crops import Cropping
from portal_downloader.settings import DownloaderSettings
from portal_downloader.staging.cancellation import Cancelling
from portal_downloader.staging.fetcher import Fetching
from portal_downloader.staging.file_lists import Adopting
from portal_downloader.staging.pin_release import Releasing
from portal_downloader.staging.pin_renewal import Renewing
from portal_downloader.staging.planner import Planning
from portal_downloader.staging.poller import Polling
from portal_downloader.staging.progress import Telling
from portal_downloader.staging.submitter import Submitting
from portal_downloader.staging.watchdog import LOOK_SECONDS, UNRUNG_SECONDS, Looking
from portal_downloader.store.batches import Batches
from portal_downloader.store.contents import Contents
from portal_downloader.store.datasets import Datasets
from portal_downloader.store.files import Files
from portal_downloader.store.requests import Requests
from portal_downloader.store.signals import Bell, Bells
from portal_downloader.store.stores import Stores


def build(settings: DownloaderSettings | None = None) -> FastAPI:
    settings = settings or DownloaderSettings()
    service = Service("downloader", settings)
    bells, tape = Bells(), archive(settings)
    stores = _stores(service, settings, bells)
    room = Room(settings, contents=stores.contents, files=stores.files, cache=stores.cache)
    adopting = _work(service, settings, stores, bells, room=room, tape=tape)
    seconds, most = settings.gather_seconds, handlers.GATHERED
    records = write_batcher(stores.datasets.registered, collect_seconds=seconds, max_batch=most)
    lists = write_batcher(adopting.hear, collect_seconds=seconds, max_batch=most)

    async def facts() -> Mapping[str, Any]:
        found = await stores.datasets.counts()
        coming = records.pending + lists.pending
        return {
            **found,
            "pending": coming + found["lists_unfinished"] + found["availability_untold"],
            "files": await stores.files.counts(),
            "requests": await stores.requests.counts(),
            **await stores.batches.counts(),
            "cache": await room.facts(),
        }

    service.add_check("cache", partial(asyncio.to_thread, stores.cache.check))
    service.add_status_source(facts)
    service.subscribe(
        handlers.router,
        datasets=stores.datasets,
        requests=stores.requests,
        records=records,
        lists=lists,
    )
    return _application(service, settings, stores, room=room, tape=tape)


def _stores(service: Service, settings: DownloaderSettings, bells: Bells) -> Stores:
    """Made ready before anything is heard."""
    database, lease = service.database, settings.lease_seconds
    stores = Stores(
        datasets=Datasets(database, lease, bells),
        files=Files(database, lease, bells),
        requests=Requests(database, lease, bells),
        batches=Batches(database, lease, bells),
        contents=Contents(database),
        cache=Cache(settings.cache_dir),
    )
    for part in (stores.datasets, stores.files, stores.requests, stores.batches, stores.contents):
        service.add_start_step(part.prepare)
    service.add_start_step(Recovering(stores, keep_seconds=settings.keep_seconds).recover)
    return stores


def _work(
    service: Service,
    settings: DownloaderSettings,
    stores: Stores,
    bells: Bells,
    *,
    room: Room,
    tape: Archive,
) -> Adopting:
    """All workers, in the order a file passes them."""
    pace, client, outbox = Pace(), service.client, service.outbox
    places = Places(settings.tape_places_url, timeout=settings.tape_timeout)
    adopting = Adopting(stores)
    fetching = Fetching(settings, stores=stores, tape=tape, room=room, pace=pace)
    planning = Planning(settings, stores, client=client, outbox=outbox, places=places)
    telling = Telling(
        stores,
        client=client,
        outbox=outbox,
        pause=settings.progress_seconds,
        pace=pace,
        held_up=lambda: room.full,
    )
    looking, renewing = Looking(stores, bells), Renewing(settings, stores, tape)
    steps: list[tuple[str, Bell, Callable[[], Awaitable[bool]]]] = [
        ("listing", bells.listing, adopting.step),
        ("planning", bells.planning, planning.step),
        ("submitting", bells.submitting, Submitting(settings, stores, tape=tape, room=room).step),
        ("polling", bells.polling, Polling(settings, stores, tape).step),
        ("releasing", bells.releasing, Releasing(stores.batches, tape).step),
        *(
            (f"fetching {number}", bells.fetching, fetching.step)
            for number in range(settings.fetches_at_once)
        ),
        ("telling", bells.telling, telling.step),
        ("cancelling", bells.cancelling, Cancelling(stores).step),
    ]
    for name, bell, step in steps:
        watched = bell in looking.watched
        idle = UNRUNG_SECONDS if watched else LOOK_SECONDS
        worker = service.add_worker(Worker(name, step, idle_seconds=idle))
        bell.wakes(worker.wake, *([looking.stirred] if watched else ()))
    service.add_worker(Worker("looking", looking.step))
    service.add_worker(Worker("renewing", renewing.step, idle_seconds=renewing.idle))
    return adopting


def _application(
    service: Service, settings: DownloaderSettings, stores: Stores, *, room: Room, tape: Archive
) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        async with service.running():
            yield
        await tape.close()

    app = service.app(Application(title="portal downloader", lifespan=lifespan))
    store = Store(settings.site_url, stores, room, read_seconds=settings.read_seconds)
    selected = Selected(stores.files)
    bundling = Bundling(selected, stores.contents, stores.cache)
    app.state.delivery = Delivery(store, selected, bundling)
    app.state.cropping = Cropping(
        store, stores.files, most_voxels=settings.crop_voxels, at_once=settings.crops_at_once
    )
    app.state.requests = stores.requests
    app.state.reporting = failures.Reporting(stores.files, stores.cache)
    app.include_router(failures.router)
    app.include_router(files.router)
    for kind in (PortalError, HTTPException):
        app.add_exception_handler(kind, problems.refused)
    return app
