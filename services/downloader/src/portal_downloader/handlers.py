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
from portal_shared.together import Together

from portal_downloader.datasets import Datasets
from portal_downloader.requests import Requests

GATHERED = 50  # messages of one kind at once: they are kept in portions

router = RabbitRouter()
Known = Annotated[Datasets, Context("datasets")]


@router.subscriber(
    bus.queue("downloader", DatasetRegistered), channel=bus.channel(GATHERED), no_reply=True
)
async def keep_dataset(
    event: DatasetRegistered, records: Annotated[Together[DatasetRegistered, None], Context()]
) -> None:
    await records.ask(event)


@router.subscriber(
    bus.queue("downloader", DatasetWithdrawn), channel=bus.channel(20), no_reply=True
)
async def withdraw_dataset(
    event: DatasetWithdrawn, datasets: Known, requests: Annotated[Requests, Context()]
) -> None:
    await datasets.withdrawn(event.pid, event.version, event.reason)
    await requests.plan_again({"pid": event.pid})  # which is refused, whatever was queued


@router.subscriber(
    bus.queue("downloader", DatasetFilesListed), channel=bus.channel(GATHERED), no_reply=True
)
async def keep_files(
    event: DatasetFilesListed,
    datasets: Known,
    lists: Annotated[Together[DatasetFilesListed, None], Context()],
) -> None:
    if event.parts == 1:
        await lists.ask(event)
    else:
        await datasets.keep_part(event)


@router.subscriber(
    bus.queue("downloader", DownloadRequested), channel=bus.channel(10), no_reply=True
)
async def keep_request(
    event: DownloadRequested,
    requests: Annotated[Requests, Context()],
) -> None:
    await requests.keep(event)


@router.subscriber(
    bus.queue("downloader", DownloadCancelled), channel=bus.channel(10), no_reply=True
)
async def cancel_request(
    event: DownloadCancelled,
    requests: Annotated[Requests, Context()],
) -> None:
    await requests.cancel(event.request_id)
