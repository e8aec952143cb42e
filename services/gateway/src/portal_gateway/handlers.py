"""What the gateway hears: how far downloads are."""

from typing import Annotated

from faststream import Context
from faststream.rabbit import RabbitRouter
from portal_shared.contracts.events import DownloadFailed, DownloadProgressed, DownloadReady
from portal_shared.messaging import publisher

from portal_gateway.downloads.repository import Downloads

router = RabbitRouter()
Kept = Annotated[Downloads, Context("downloads")]


@router.subscriber(
    publisher.event_queue("gateway", DownloadProgressed),
    channel=publisher.channel(20),
    no_reply=True,
)
async def note_progress(event: DownloadProgressed, downloads: Kept) -> None:
    await downloads.progressed(event)


@router.subscriber(
    publisher.event_queue("gateway", DownloadReady), channel=publisher.channel(20), no_reply=True
)
async def note_ready(event: DownloadReady, downloads: Kept) -> None:
    await downloads.ready(event)


@router.subscriber(
    publisher.event_queue("gateway", DownloadFailed), channel=publisher.channel(20), no_reply=True
)
async def note_failed(event: DownloadFailed, downloads: Kept) -> None:
    await downloads.failed(event)
