"""Which events doi hears: each leaves what is meant in the registry, and wakes who does it."""

from typing import Annotated

from faststream import Context
from faststream.rabbit import RabbitRouter
from portal_shared.contracts.events import (
    DatasetRegistered,
    DatasetWithdrawn,
    DocumentRegistered,
    DocumentWithdrawn,
)
from portal_shared.messaging import publisher
from portal_shared.runtime.worker import Worker

from portal_doi.store.intent_writer import Keeping

router = RabbitRouter()

AT_ONCE = 50  # they only write to the database, and do that together


@router.subscriber(
    publisher.event_queue("doi", DocumentRegistered),
    channel=publisher.channel(AT_ONCE),
    no_reply=True,
)
async def identify_document(
    event: DocumentRegistered,
    keeping: Annotated[Keeping, Context()],
    minting: Annotated[Worker, Context()],
) -> None:
    if await keeping.intent(event.document, event.version, history=event.history):
        minting.wake.set()


@router.subscriber(
    publisher.event_queue("doi", DatasetRegistered),
    channel=publisher.channel(AT_ONCE),
    no_reply=True,
)
async def identify_dataset(
    event: DatasetRegistered,
    keeping: Annotated[Keeping, Context()],
    minting: Annotated[Worker, Context()],
) -> None:
    if await keeping.intent(event.dataset, event.version, history=event.history):
        minting.wake.set()


@router.subscriber(
    publisher.event_queue("doi", DatasetWithdrawn),
    channel=publisher.channel(AT_ONCE),
    no_reply=True,
)
async def withdraw_dataset(
    event: DatasetWithdrawn,
    keeping: Annotated[Keeping, Context()],
    minting: Annotated[Worker, Context()],
) -> None:
    if await keeping.withdrawal(event):
        minting.wake.set()


@router.subscriber(
    publisher.event_queue("doi", DocumentWithdrawn),
    channel=publisher.channel(AT_ONCE),
    no_reply=True,
)
async def withdraw_document(
    event: DocumentWithdrawn,
    keeping: Annotated[Keeping, Context()],
    minting: Annotated[Worker, Context()],
) -> None:
    if await keeping.withdrawal(event):
        minting.wake.set()
