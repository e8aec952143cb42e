"""What the downloader hears; the work itself is done by workers that these events wake."""

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

from portal_downloader.store.datasets import Datasets
from portal_downloader.store.requests import Requests

GATHERED = 50  # messages of one kind at once: they are kept in portions

router = RabbitRouter()
Known = Annotated[Datasets, Context("datasets")]


@router.subscriber(
    publisher.event_queue("downloader", DatasetRegistered),
    channel=publisher.channel(GATHERED),
    no_reply=True,
)
async def keep_dataset(
    event: DatasetRegistered, records: Annotated[Batcher[DatasetRegistered, None], Context()]
) -> None:
    await records.submit(event)


@router.subscriber(
    publisher.event_queue("downloader", DatasetWithdrawn),
    channel=publisher.channel(20),
    no_reply=True,
)
async def withdraw_dataset(
    event: DatasetWithdrawn, datasets: Known, requests: Annotated[Requests, Context()]
) -> None:
    await datasets.withdrawn(event.pid, event.version, event.reason)
    await requests.plan_again({"pid": event.pid})  # which is refused, whatever was queued


@router.subscriber(
    publisher.event_queue("downloader", DatasetFilesListed),
    channel=publisher.channel(GATHERED),
    no_reply=True,
)
async def keep_files(
    event: DatasetFilesListed,
    datasets: Known,
    lists: Annotated[Batcher[DatasetFilesListed, None], Context()],
) -> None:
    if event.parts == 1:
        await lists.submit(event)
    else:
        await datasets.keep_part(event)


@router.subscriber(
    publisher.event_queue("downloader", DownloadRequested),
    channel=publisher.channel(10),
    no_reply=True,
)
async def keep_request(
    event: DownloadRequested,
    requests: Annotated[Requests, Context()],
) -> None:
    await requests.keep(event)


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
