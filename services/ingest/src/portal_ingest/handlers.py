"""Consumes ingest jobs and the events of the doi service."""

from collections.abc import Sequence
from typing import Annotated

from faststream import Context
from faststream.rabbit import RabbitRouter
from faststream.rabbit.annotations import RabbitMessage
from portal_shared.contracts.events import DoiFailed, DoiMinted
from portal_shared.messaging import publisher, topology
from portal_shared.runtime.logs import logger
from portal_shared.runtime.retry import retry
from portal_shared.runtime.worker import Worker

from portal_ingest.dois import writeback
from portal_ingest.jobs import acceptance
from portal_ingest.store.dois import DoiStore
from portal_ingest.store.jobs import JobStore, ReplyTo
from portal_ingest.store.records import RecordStore

log = logger(__name__)
router = RabbitRouter()

PAUSE_SECONDS = (0.5, 1, 2, 4, *[8] * 60)  # RabbitMQ closes a delivery after half an hour


@router.subscriber(
    publisher.queue_by_name(topology.JOBS),
    channel=publisher.channel(1),
    decoder=acceptance.raw_body,
    no_reply=True,
)
async def accept_job(  # noqa: PLR0917  # injected by name
    body: bytes,
    message: RabbitMessage,  # injected by its annotation
    jobs: Annotated[JobStore, Context()],
    records: Annotated[RecordStore, Context()],
    job_workers: Annotated[list[Worker], Context()],
    profile: Annotated[str, Context()],
) -> None:
    raw = message.raw_message
    # a retried message has lost its reply_to, which would be the queue of the retry's publisher
    queue = raw.reply_to or str(raw.headers.get("x-reply-to") or "")
    reply = ReplyTo(queue, raw.correlation_id or "") if queue else None
    dropped = acceptance.dropped_before(raw.headers)
    if await _accept_in_order(body, reply, jobs, records, profile, dropped):
        for worker in job_workers:
            worker.wake.set()


async def _accept_in_order(  # noqa: PLR0917  # passed on
    body: bytes,
    reply: ReplyTo | None,
    jobs: JobStore,
    records: RecordStore,
    profile: str,
    dropped: Sequence[str],
) -> bool:
    """Retries here, not through the retry queue, so that no later job overtakes this one."""

    async def accept() -> bool:
        return await acceptance.accept(
            body, reply, jobs=jobs, records=records, profile=profile, dropped_before=dropped
        )

    def report(error: Exception, pause: float) -> None:
        log.warning("job not accepted yet", reason=str(error), retry_seconds=pause)

    return await retry(accept, pauses=PAUSE_SECONDS, report=report)


@router.subscriber(
    publisher.event_queue("ingest", DoiMinted), channel=publisher.channel(10), no_reply=True
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
