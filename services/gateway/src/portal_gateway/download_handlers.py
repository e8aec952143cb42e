"""What the gateway hears: how far downloads are."""

from typing import Annotated

from faststream import Context
from faststream.rabbit import RabbitRouter
from portal_shared import bus
from portal_shared.events import DownloadFailed, DownloadProgressed, DownloadReady

from portal_gateway.downloads import Downloads

router = RabbitRouter()
Kept = Annotated[Downloads, Context("downloads")]


@router.subscriber(bus.queue("gateway", DownloadProgressed), channel=bus.channel(20), no_reply=True)
async def note_progress(event: DownloadProgressed, downloads: Kept) -> None:
    await downloads.progressed(event)


@router.subscriber(bus.queue("gateway", DownloadReady), channel=bus.channel(20), no_reply=True)
async def note_ready(event: DownloadReady, downloads: Kept) -> None:
    await downloads.ready(event)


@router.subscriber(bus.queue("gateway", DownloadFailed), channel=bus.channel(20), no_reply=True)
async def note_failed(event: DownloadFailed, downloads: Kept) -> None:
    await downloads.failed(event)
