"""What ingest hears: jobs, and what became of identifiers."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from faststream import Context
from faststream.rabbit import RabbitRouter
from faststream.rabbit.annotations import RabbitMessage
from portal_shared import bus, topology
from portal_shared.events import DoiFailed, DoiMinted
from portal_shared.workers import Worker

from portal_ingest import accepting, doi_notes
from portal_ingest.joblog import JobLog, ReplyTo
from portal_ingest.registry import Registry

router = RabbitRouter()


async def as_it_came(
    message: RabbitMessage, _original: Callable[[RabbitMessage], Awaitable[Any]]
) -> bytes:
    """A job is read by us: a body that is not JSON is answered, not dropped."""
    return message.body


@router.subscriber(
    bus.named_queue(topology.JOBS), channel=bus.channel(10), decoder=as_it_came, no_reply=True
)
async def accept_job(
    body: bytes,
    message: RabbitMessage,  # injected by its annotation
    jobs: Annotated[JobLog, Context()],
    working: Annotated[list[Worker], Context()],
    profile: Annotated[str, Context()],
) -> None:
    raw = message.raw_message
    # a job that was tried again comes without its reply_to, which would name the retry's publisher
    queue = raw.reply_to or str(raw.headers.get("x-reply-to") or "")
    reply = ReplyTo(queue, raw.correlation_id or "") if queue else None
    if await accepting.accept(body, reply, jobs=jobs, profile=profile):
        for worker in working:
            worker.wake.set()


@router.subscriber(bus.queue("ingest", DoiMinted), channel=bus.channel(10), no_reply=True)
async def note_doi(
    event: DoiMinted,
    registry: Annotated[Registry, Context()],
    writing_back: Annotated[Worker, Context()],
) -> None:
    await doi_notes.note_minted(event, registry)
    writing_back.wake.set()


@router.subscriber(bus.queue("ingest", DoiFailed), channel=bus.channel(10), no_reply=True)
async def note_doi_failed(event: DoiFailed, registry: Annotated[Registry, Context()]) -> None:
    await doi_notes.note_failed(event, registry)
