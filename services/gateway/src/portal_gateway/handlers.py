"""Bus subscribers: progress and end of downloads, which are counted."""

from typing import Annotated

from faststream import Context
from faststream.rabbit import RabbitRouter
from portal_shared.contracts.events import DownloadFailed, DownloadProgressed, DownloadReady
from portal_shared.messaging import publisher

from portal_gateway.downloads.repository import Downloads
from portal_gateway.usage.counter import UsageCounter

router = RabbitRouter()
InDownloads = Annotated[Downloads, Context("downloads")]
InUsage = Annotated[UsageCounter, Context("usage")]


@router.subscriber(
    publisher.event_queue("gateway", DownloadProgressed),
    channel=publisher.channel(20),
    no_reply=True,
)
async def store_progress(event: DownloadProgressed, downloads: InDownloads) -> None:
    await downloads.store_progress(event)


@router.subscriber(
    publisher.event_queue("gateway", DownloadReady), channel=publisher.channel(20), no_reply=True
)
async def store_ready(event: DownloadReady, downloads: InDownloads, usage: InUsage) -> None:
    pid = await downloads.store_ready(event)
    if pid is not None:
        usage.count(pid, "downloads")


@router.subscriber(
    publisher.event_queue("gateway", DownloadFailed), channel=publisher.channel(20), no_reply=True
)
async def store_failed(event: DownloadFailed, downloads: InDownloads) -> None:
    await downloads.store_failed(event)
