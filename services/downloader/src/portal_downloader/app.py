"""Composition root of the downloader: settings in, a running service out."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI
from portal_shared.errors import PortalError
from portal_shared.service import Service
from portal_shared.together import done_together
from portal_shared.workers import Worker
from starlette.exceptions import HTTPException

from portal_downloader import handlers, problems, reporting, serving
from portal_downloader.adopting import Adopting
from portal_downloader.archives.archive import Archive
from portal_downloader.archives.choosing import archive
from portal_downloader.batches import Batches
from portal_downloader.bells import Bell, Bells
from portal_downloader.bundling import Bundling
from portal_downloader.cache import Cache
from portal_downloader.cancelling import Cancelling
from portal_downloader.contents import Contents
from portal_downloader.cropping import Cropping
from portal_downloader.datasets import Datasets
from portal_downloader.delivering import Delivery
from portal_downloader.estimating import Pace
from portal_downloader.fetching import Fetching
from portal_downloader.lines import Application
from portal_downloader.looking import LOOK_SECONDS, UNRUNG_SECONDS, Looking
from portal_downloader.places import Places
from portal_downloader.planning import Planning
from portal_downloader.polling import Polling
from portal_downloader.recovering import Recovering
from portal_downloader.releasing import Releasing
from portal_downloader.renewing import Renewing
from portal_downloader.requests import Requests
from portal_downloader.room import Room
from portal_downloader.rows import Files
from portal_downloader.selecting import Selected
from portal_downloader.settings import DownloaderSettings
from portal_downloader.store import Store
from portal_downloader.stores import Stores
from portal_downloader.submitting import Submitting
from portal_downloader.telling import Telling


def build(settings: DownloaderSettings | None = None) -> FastAPI:
    settings = settings or DownloaderSettings()
    service = Service("downloader", settings)
    bells, tape = Bells(), archive(settings)
    stores = _stores(service, settings, bells)
    room = Room(settings, contents=stores.contents, files=stores.files, cache=stores.cache)
    adopting = _work(service, settings, stores, bells, room=room, tape=tape)
    seconds, most = settings.gather_seconds, handlers.GATHERED
    records = done_together(stores.datasets.registered, collect=seconds, most=most)
    lists = done_together(adopting.hear, collect=seconds, most=most)

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

    service.check("cache", partial(asyncio.to_thread, stores.cache.check))
    service.facts(facts)
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
        service.prepare(part.prepare)
    service.prepare(Recovering(stores, keep_seconds=settings.keep_seconds).recover)
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
        worker = service.work(Worker(name, step, idle=idle))
        bell.wakes(worker.wake, *([looking.stirred] if watched else ()))
    service.work(Worker("looking", looking.step))
    service.work(Worker("renewing", renewing.step, idle=renewing.idle))
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
    app.state.reporting = reporting.Reporting(stores.files, stores.cache)
    app.include_router(reporting.router)
    app.include_router(serving.router)
    for kind in (PortalError, HTTPException):
        app.add_exception_handler(kind, problems.refused)
    return app
