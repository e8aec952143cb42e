"""Which events doi hears: each leaves what is meant in the registry, and wakes who does it."""

from typing import Annotated

from faststream import Context
from faststream.rabbit import RabbitRouter
from portal_shared import bus
from portal_shared.events import DatasetRegistered, DocumentRegistered
from portal_shared.workers import Worker

from portal_doi.intending import keep_intent
from portal_doi.registry import Registry

router = RabbitRouter()

AT_ONCE = 10


@router.subscriber(
    bus.queue("doi", DocumentRegistered), channel=bus.channel(AT_ONCE), no_reply=True
)
async def identify_document(
    event: DocumentRegistered,
    registry: Annotated[Registry, Context()],
    prefix: Annotated[str, Context()],
    minting: Annotated[Worker, Context()],
) -> None:
    if await keep_intent(event.document, event.version, registry, prefix=prefix):
        minting.wake.set()


@router.subscriber(bus.queue("doi", DatasetRegistered), channel=bus.channel(AT_ONCE), no_reply=True)
async def identify_dataset(
    event: DatasetRegistered,
    registry: Annotated[Registry, Context()],
    prefix: Annotated[str, Context()],
    minting: Annotated[Worker, Context()],
) -> None:
    if await keep_intent(event.dataset, event.version, registry, prefix=prefix):
        minting.wake.set()
