"""Which events doi hears: each leaves what is meant in the registry, and wakes who does it."""

from typing import Annotated

from faststream import Context
from faststream.rabbit import RabbitRouter
from portal_shared import bus
from portal_shared.events import (
    DatasetRegistered,
    DatasetWithdrawn,
    DocumentRegistered,
    DocumentWithdrawn,
)
from portal_shared.workers import Worker

from portal_doi.intending import keep_intent, keep_withdrawal
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
    if await keep_intent(
        event.document, event.version, registry, prefix=prefix, history=event.history
    ):
        minting.wake.set()


@router.subscriber(bus.queue("doi", DatasetRegistered), channel=bus.channel(AT_ONCE), no_reply=True)
async def identify_dataset(
    event: DatasetRegistered,
    registry: Annotated[Registry, Context()],
    prefix: Annotated[str, Context()],
    minting: Annotated[Worker, Context()],
) -> None:
    if await keep_intent(
        event.dataset, event.version, registry, prefix=prefix, history=event.history
    ):
        minting.wake.set()


@router.subscriber(bus.queue("doi", DatasetWithdrawn), channel=bus.channel(AT_ONCE), no_reply=True)
async def withdraw_dataset(
    event: DatasetWithdrawn,
    registry: Annotated[Registry, Context()],
    minting: Annotated[Worker, Context()],
) -> None:
    if await keep_withdrawal(event, registry):
        minting.wake.set()


@router.subscriber(bus.queue("doi", DocumentWithdrawn), channel=bus.channel(AT_ONCE), no_reply=True)
async def withdraw_document(
    event: DocumentWithdrawn,
    registry: Annotated[Registry, Context()],
    minting: Annotated[Worker, Context()],
) -> None:
    if await keep_withdrawal(event, registry):
        minting.wake.set()
