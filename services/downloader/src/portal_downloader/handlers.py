"""What the downloader hears; the work itself is done by workers that these events wake."""

from typing import Annotated

from faststream import Context
from faststream.rabbit import RabbitRouter
from portal_shared import bus
from portal_shared.events import (
    DatasetFilesListed,
    DatasetRegistered,
    DatasetWithdrawn,
    DownloadCancelled,
    DownloadRequested,
)
from portal_shared.workers import Worker

from portal_downloader.datasets import Datasets
from portal_downloader.requests import Requests

router = RabbitRouter()
Known = Annotated[Datasets, Context("datasets")]


@router.subscriber(
    bus.queue("downloader", DatasetRegistered), channel=bus.channel(20), no_reply=True
)
async def keep_dataset(event: DatasetRegistered, datasets: Known) -> None:
    await datasets.registered(event.dataset, event.version)


@router.subscriber(
    bus.queue("downloader", DatasetWithdrawn), channel=bus.channel(20), no_reply=True
)
async def withdraw_dataset(event: DatasetWithdrawn, datasets: Known) -> None:
    await datasets.withdrawn(event.pid, event.version, event.reason)


@router.subscriber(
    bus.queue("downloader", DatasetFilesListed), channel=bus.channel(10), no_reply=True
)
async def keep_files(
    event: DatasetFilesListed, datasets: Known, adopting: Annotated[Worker, Context()]
) -> None:
    if await datasets.keep_part(event):
        adopting.wake.set()


@router.subscriber(
    bus.queue("downloader", DownloadRequested), channel=bus.channel(10), no_reply=True
)
async def keep_request(
    event: DownloadRequested,
    requests: Annotated[Requests, Context()],
    planning: Annotated[Worker, Context()],
) -> None:
    await requests.keep(event)
    planning.wake.set()


@router.subscriber(
    bus.queue("downloader", DownloadCancelled), channel=bus.channel(10), no_reply=True
)
async def cancel_request(
    event: DownloadCancelled,
    requests: Annotated[Requests, Context()],
    cancelling: Annotated[Worker, Context()],
) -> None:
    await requests.cancel(event.request_id)
    cancelling.wake.set()
