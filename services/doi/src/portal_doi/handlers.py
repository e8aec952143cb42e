"""Event handlers: each writes the intent for a record to the registry and wakes the reconciler."""

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

from portal_doi.store.intent_writer import IntentWriter

router = RabbitRouter()

MAX_UNACKED = 50  # the handlers only write to the database, many of them in one transaction


@router.subscriber(
    publisher.event_queue("doi", DocumentRegistered),
    channel=publisher.channel(MAX_UNACKED),
    no_reply=True,
)
async def identify_document(
    event: DocumentRegistered,
    intent_writer: Annotated[IntentWriter, Context()],
    reconciler: Annotated[Worker, Context()],
) -> None:
    if await intent_writer.write_registration(event.document, event.version, history=event.history):
        reconciler.wake.set()


@router.subscriber(
    publisher.event_queue("doi", DatasetRegistered),
    channel=publisher.channel(MAX_UNACKED),
    no_reply=True,
)
async def identify_dataset(
    event: DatasetRegistered,
    intent_writer: Annotated[IntentWriter, Context()],
    reconciler: Annotated[Worker, Context()],
) -> None:
    if await intent_writer.write_registration(event.dataset, event.version, history=event.history):
        reconciler.wake.set()


@router.subscriber(
    publisher.event_queue("doi", DatasetWithdrawn),
    channel=publisher.channel(MAX_UNACKED),
    no_reply=True,
)
async def withdraw_dataset(
    event: DatasetWithdrawn,
    intent_writer: Annotated[IntentWriter, Context()],
    reconciler: Annotated[Worker, Context()],
) -> None:
    if await intent_writer.write_withdrawal(event):
        reconciler.wake.set()


@router.subscriber(
    publisher.event_queue("doi", DocumentWithdrawn),
    channel=publisher.channel(MAX_UNACKED),
    no_reply=True,
)
async def withdraw_document(
    event: DocumentWithdrawn,
    intent_writer: Annotated[IntentWriter, Context()],
    reconciler: Annotated[Worker, Context()],
) -> None:
    if await intent_writer.write_withdrawal(event):
        reconciler.wake.set()
