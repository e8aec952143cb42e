"""What ingest hears: jobs, and what became of identifiers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from faststream import Context
from faststream.rabbit import RabbitRouter
from faststream.rabbit.annotations import RabbitMessage
from portal_shared.contracts.events import DoiFailed, DoiMinted
from portal_shared.messaging import publisher, topology
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.worker import Worker

from portal_ingest.dois import writeback
from portal_ingest.jobs import acceptance
from portal_ingest.store.jobs import JobLog, ReplyTo
from portal_ingest.store.records import Registry

log = logger(__name__)
router = RabbitRouter()

PAUSES = (0.5, 1, 2, 4, *[8] * 60)  # seconds: the broker gives a delivery half an hour


async def as_it_came(
    message: RabbitMessage, _original: Callable[[RabbitMessage], Awaitable[Any]]
) -> bytes:
    """A job is read by us: a body that is not JSON is answered, not dropped."""
    return message.body


@router.subscriber(
    publisher.named_queue(topology.JOBS),
    channel=publisher.channel(1),
    decoder=as_it_came,
    no_reply=True,
)
async def accept_job(  # noqa: PLR0917  # injected by name
    body: bytes,
    message: RabbitMessage,  # injected by its annotation
    jobs: Annotated[JobLog, Context()],
    registry: Annotated[Registry, Context()],
    working: Annotated[list[Worker], Context()],
    profile: Annotated[str, Context()],
) -> None:
    raw = message.raw_message
    # a job that was tried again comes without its reply_to, which would name the retry's publisher
    queue = raw.reply_to or str(raw.headers.get("x-reply-to") or "")
    reply = ReplyTo(queue, raw.correlation_id or "") if queue else None
    if await _in_order(body, reply, jobs, registry, profile):
        for worker in working:
            worker.wake.set()


async def _in_order(
    body: bytes, reply: ReplyTo | None, jobs: JobLog, registry: Registry, profile: str
) -> bool:
    """One after the other, as they lie in the queue: one that has to wait holds up the next."""
    for pause in PAUSES:
        try:
            return await acceptance.accept(
                body, reply, jobs=jobs, registry=registry, profile=profile
            )
        except Unavailable as error:
            log.warning("a job waits to be accepted", reason=str(error), seconds=pause)
            await asyncio.sleep(pause)
    return await acceptance.accept(body, reply, jobs=jobs, registry=registry, profile=profile)


@router.subscriber(
    publisher.queue("ingest", DoiMinted), channel=publisher.channel(10), no_reply=True
)
async def note_doi(
    event: DoiMinted,
    registry: Annotated[Registry, Context()],
    writing_back: Annotated[Worker, Context()],
) -> None:
    if await writeback.note_minted(event, registry):
        writing_back.wake.set()


@router.subscriber(
    publisher.queue("ingest", DoiFailed), channel=publisher.channel(10), no_reply=True
)
async def note_doi_failed(event: DoiFailed, registry: Annotated[Registry, Context()]) -> None:
    await writeback.note_failed(event, registry)
