"""Consumes ingest jobs and the events of the doi service."""

from typing import Annotated

from faststream import Context
from faststream.rabbit import RabbitRouter
from faststream.rabbit.annotations import RabbitMessage
from portal_shared.contracts.events import DoiFailed, DoiMinted
from portal_shared.messaging import publisher, topology
from portal_shared.runtime.telemetry.origin import current_origin
from portal_shared.runtime.worker import Worker

from portal_ingest.dois import writeback
from portal_ingest.jobs import acceptance
from portal_ingest.jobs.acceptance_queue import AcceptanceQueue
from portal_ingest.store.dois import DoiStore
from portal_ingest.store.job_rows import ReplyTo

router = RabbitRouter()

MAX_UNACKED_JOBS = 10  # a job that crashes ingest takes those in work with it
MAX_UNACKED_DOIS = 50


@router.subscriber(
    publisher.queue_by_name(topology.JOBS),
    channel=publisher.channel(MAX_UNACKED_JOBS),
    decoder=acceptance.raw_body,
    no_reply=True,
)
async def accept_job(
    body: bytes,
    message: RabbitMessage,  # injected by its annotation
    acceptance_queue: Annotated[AcceptanceQueue, Context()],
    job_workers: Annotated[list[Worker], Context()],
) -> None:
    raw = message.raw_message
    # a retried message has lost its reply_to, which would be the queue of the retry's publisher
    queue = raw.reply_to or str(raw.headers.get("x-reply-to") or "")
    reply = ReplyTo(queue, raw.correlation_id or "") if queue else None
    dropped = acceptance.dropped_before(raw.headers)
    found = acceptance.JobMessage(body, reply, current_origin(), dropped)
    if await acceptance_queue.accept(raw, found):
        for worker in job_workers:
            worker.wake.set()


@router.subscriber(
    publisher.event_queue("ingest", DoiMinted),
    channel=publisher.channel(MAX_UNACKED_DOIS),
    no_reply=True,
)
async def store_doi(
    event: DoiMinted,
    dois: Annotated[DoiStore, Context()],
    writeback_worker: Annotated[Worker, Context()],
) -> None:
    if await writeback.store_minted(event, dois):
        writeback_worker.wake.set()


@router.subscriber(
    publisher.event_queue("ingest", DoiFailed), channel=publisher.channel(10), no_reply=True
)
async def store_doi_failure(event: DoiFailed, dois: Annotated[DoiStore, Context()]) -> None:
    await writeback.store_failed(event, dois)
