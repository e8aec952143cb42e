"""Subscribers of the bus: they store events, which signals the workers."""

from typing import Annotated

from faststream import Context
from faststream.rabbit import RabbitRouter
from portal_shared.contracts.events import (
    DatasetFilesListed,
    DatasetRegistered,
    DatasetWithdrawn,
    DownloadCancelled,
    DownloadRequested,
)
from portal_shared.messaging import publisher
from portal_shared.runtime.batcher import Batcher
from portal_shared.runtime.logs import logger

from portal_downloader.store.datasets import Datasets
from portal_downloader.store.requests import Requests
from portal_downloader.store.resident_files import ResidentFiles
from portal_downloader.store.signals import Signal

MAX_GATHERED = 50  # messages of one kind stored together

log = logger(__name__)
router = RabbitRouter()
DatasetsDep = Annotated[Datasets, Context("datasets")]


@router.subscriber(
    publisher.event_queue("downloader", DatasetRegistered),
    channel=publisher.channel(MAX_GATHERED),
    no_reply=True,
)
async def store_dataset(
    event: DatasetRegistered, records: Annotated[Batcher[DatasetRegistered, None], Context()]
) -> None:
    await records.submit(event)


@router.subscriber(
    publisher.event_queue("downloader", DatasetWithdrawn),
    channel=publisher.channel(20),
    no_reply=True,
)
async def withdraw_dataset(
    event: DatasetWithdrawn,
    datasets: DatasetsDep,
    requests: Annotated[Requests, Context()],
    resident_files: Annotated[ResidentFiles, Context()],
    cleaner: Annotated[Signal, Context()],
) -> None:
    await datasets.store_withdrawn(
        event.pid, event.version, event.reason, was_public=event.last_public is not None
    )
    await requests.replan({"pid": event.pid})  # planning refuses them now
    await resident_files.release([event.pid])
    cleaner.set()


@router.subscriber(
    publisher.event_queue("downloader", DatasetFilesListed),
    channel=publisher.channel(MAX_GATHERED),
    no_reply=True,
)
async def store_files(
    event: DatasetFilesListed,
    datasets: DatasetsDep,
    lists: Annotated[Batcher[DatasetFilesListed, None], Context()],
) -> None:
    if event.parts == 1:
        await lists.submit(event)
        log.info("file list imported", pid=event.pid, version=event.version)
    else:
        await datasets.store_part(event)


@router.subscriber(
    publisher.event_queue("downloader", DownloadRequested),
    channel=publisher.channel(10),
    no_reply=True,
)
async def store_request(
    event: DownloadRequested,
    requests: Annotated[Requests, Context()],
) -> None:
    await requests.create(event)


@router.subscriber(
    publisher.event_queue("downloader", DownloadCancelled),
    channel=publisher.channel(10),
    no_reply=True,
)
async def cancel_request(
    event: DownloadCancelled,
    requests: Annotated[Requests, Context()],
) -> None:
    await requests.cancel(event.request_id)
