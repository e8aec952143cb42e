"""Composition root of the downloader: settings in, a running service out."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI
from portal_shared.errors import PortalError
from portal_shared.service import Service
from portal_shared.workers import Worker
from starlette.exceptions import HTTPException

from portal_downloader import handlers, problems, reporting, serving
from portal_downloader.adopting import Adopting
from portal_downloader.batches import Batches
from portal_downloader.bundling import Bundling
from portal_downloader.cache import Cache
from portal_downloader.cancelling import Cancelling
from portal_downloader.contents import Contents
from portal_downloader.datasets import Datasets
from portal_downloader.delivering import Delivery
from portal_downloader.estimating import Pace
from portal_downloader.fetching import Fetching
from portal_downloader.places import Places
from portal_downloader.planning import Planning
from portal_downloader.polling import Polling
from portal_downloader.recovering import Recovering
from portal_downloader.releasing import Releasing
from portal_downloader.requests import Requests
from portal_downloader.room import Room
from portal_downloader.rows import Files
from portal_downloader.selecting import Selected
from portal_downloader.settings import DownloaderSettings
from portal_downloader.store import Store
from portal_downloader.submitting import Submitting
from portal_downloader.tape import Tape
from portal_downloader.telling import Telling


def build(settings: DownloaderSettings | None = None) -> FastAPI:
    settings = settings or DownloaderSettings()
    service = Service("downloader", settings)
    cache, tape = Cache(settings.cache_dir), Tape(settings)
    lease = settings.lease_seconds
    datasets, files = Datasets(service.database, lease), Files(service.database, lease)
    requests, batches = Requests(service.database, lease), Batches(service.database, lease)
    contents = Contents(service.database)
    room = Room(settings, contents=contents, files=files, cache=cache)
    for part in (datasets, files, requests, batches, contents):
        service.prepare(part.prepare)
    keep = settings.keep_seconds
    service.prepare(Recovering(files, contents, cache, keep_seconds=keep).recover)
    adopting, planning, cancelling = _workers(
        settings,
        service,
        datasets=datasets,
        files=files,
        requests=requests,
        batches=batches,
        cache=cache,
        contents=contents,
        room=room,
        tape=tape,
    )

    async def facts() -> Mapping[str, Any]:
        lists = await datasets.counts()
        return {
            **lists,
            "pending": lists["lists_unfinished"] + lists["availability_untold"],
            "files": await files.counts(),
            "requests": await requests.counts(),
            **await batches.counts(),
            "cache": await room.facts(),
        }

    service.check("cache", partial(asyncio.to_thread, cache.check))
    service.facts(facts)
    service.subscribe(
        handlers.router,
        datasets=datasets,
        requests=requests,
        adopting=adopting,
        planning=planning,
        cancelling=cancelling,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        async with service.running():
            yield
        await tape.close()

    app = service.app(FastAPI(title="portal downloader", lifespan=lifespan))
    store = Store(
        settings.site_url,
        datasets=datasets,
        files=files,
        contents=contents,
        cache=cache,
        room=room,
        read_seconds=settings.read_seconds,
    )
    selected = Selected(files)
    app.state.delivery = Delivery(store, selected, Bundling(selected, contents, cache))
    app.state.requests = requests
    app.state.reporting = reporting.Reporting(files, cache)
    app.include_router(reporting.router)
    app.include_router(serving.router)
    for kind in (PortalError, HTTPException):
        app.add_exception_handler(kind, problems.refused)
    return app


def _workers(
    settings: DownloaderSettings,
    service: Service,
    *,
    datasets: Datasets,
    files: Files,
    requests: Requests,
    batches: Batches,
    cache: Cache,
    contents: Contents,
    room: Room,
    tape: Tape,
) -> tuple[Worker, Worker, Worker]:
    """All of them, in the order a file passes them; those that events wake."""
    ring = _bell(service.workers)
    pace = Pace()
    places = Places(settings.tape_places_url, timeout=settings.tape_timeout)

    adopting = service.work(
        Worker(
            "listing",
            Adopting(
                datasets=datasets,
                files=files,
                requests=requests,
                batches=batches,
                cache=cache,
                ring=ring,
            ).step,
        )
    )
    planner = Planning(
        settings,
        client=service.client,
        outbox=service.outbox,
        datasets=datasets,
        files=files,
        requests=requests,
        cache=cache,
        contents=contents,
        places=places,
        ring=ring,
    )
    planning = service.work(Worker("planning", planner.step))
    submitting = Submitting(settings, files=files, batches=batches, tape=tape, room=room, ring=ring)
    service.work(Worker("submitting", submitting.step))
    polling = Polling(settings, files=files, batches=batches, tape=tape, ring=ring)
    service.work(Worker("polling", polling.step))
    service.work(Worker("releasing", Releasing(batches, tape).step))
    fetching = Fetching(
        settings,
        files=files,
        batches=batches,
        tape=tape,
        cache=cache,
        contents=contents,
        room=room,
        pace=pace,
        ring=ring,
    )
    for number in range(settings.fetches_at_once):
        service.work(Worker(f"fetching {number}", fetching.step))
    telling = Telling(
        client=service.client,
        outbox=service.outbox,
        datasets=datasets,
        files=files,
        requests=requests,
        pause=settings.progress_seconds,
        pace=pace,
    )
    service.work(Worker("telling", telling.step))
    canceller = Cancelling(
        datasets=datasets, files=files, requests=requests, batches=batches, tape=tape, ring=ring
    )
    cancelling = service.work(Worker("cancelling", canceller.step))
    return adopting, planning, cancelling


def _bell(workers: list[Worker]) -> Callable[[], None]:
    """Wakes all workers: one's result is another's work."""

    def ring() -> None:
        for worker in workers:
            worker.wake.set()

    return ring
