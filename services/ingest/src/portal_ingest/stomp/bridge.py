"""Hears what pyicat-plus sends over STOMP, and puts it onto the queue of jobs.

RabbitMQ's stomp plugin makes its destinations the plain queues that are consumed here. Its client
hears no answer: what became of a message is in `portal jobs`.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from faststream import Context
from faststream.rabbit import RabbitQueue, RabbitRouter
from faststream.rabbit.annotations import RabbitMessage
from portal_shared import profile as profiles
from portal_shared.contracts.jobs import JobAnswer, Problem
from portal_shared.messaging import publisher as bus
from portal_shared.messaging import topology
from portal_shared.messaging.publisher import Publisher
from portal_shared.runtime.errors import Invalid
from portal_shared.runtime.logs import correlation_id, logger
from portal_shared.runtime.mongo import Doc
from portal_shared.validation.redaction import without_private

from portal_ingest.stomp import esrf_messages
from portal_ingest.store.jobs import JobLog

log = logger(__name__)


def router() -> RabbitRouter:
    """A subscriber for each queue, declared as the stomp plugin declares it."""
    made = RabbitRouter()
    for name in esrf_messages.QUEUES:
        made.subscriber(
            RabbitQueue(name, durable=True),
            channel=bus.channel(1),
            decoder=_as_it_came,
            no_reply=True,
        )(hear)
    return made


async def _as_it_came(
    message: RabbitMessage, _original: Callable[[RabbitMessage], Awaitable[Any]]
) -> bytes:
    return message.body


async def hear(
    body: bytes,
    message: RabbitMessage,  # injected by its annotation
    publisher: Annotated[Publisher, Context()],
    jobs: Annotated[JobLog, Context()],
) -> None:
    """A job, once the broker has it; or a refusal that is kept."""
    queue = str(message.raw_message.routing_key or "")
    try:
        job, dropped = public_job(queue, body)
    except Invalid as error:
        await _refuse(queue, body, error, jobs)
        return
    if dropped:
        log.warning("private values dropped", job_id=job["job_id"], dropped=dropped)
    await publisher.send(
        json.dumps(job, ensure_ascii=False).encode(),
        exchange="",
        routing_key=topology.JOBS,
        message_id=job["job_id"],
        kind="ingest.job",
        correlation_id=message.correlation_id,
    )
    log.info("message of pyicat-plus is a job", job_id=job["job_id"], queue=queue)


def public_job(queue: str, body: bytes) -> tuple[dict[str, Any], int]:
    """The job, without what may not be told of a donor, and how many values that were.

    Raises Invalid with what is wrong with the message.
    """
    profile = profiles.load(esrf_messages.PROFILE)
    return without_private(esrf_messages.job(queue, body), profile)


async def _refuse(queue: str, body: bytes, error: Invalid, jobs: JobLog) -> None:
    digest = hashlib.sha256(body).hexdigest()
    job_id = f"refused-{digest[:16]}"
    problem = Problem(field=error.field or queue, reason=error.reason)
    row: Doc = {
        "_id": job_id,
        "subjects": [],
        "seq": 0,
        "bytes": len(body),
        "hash": digest,
        "correlation_id": correlation_id(),
        "profile": esrf_messages.PROFILE,
        "sender": "pyicat-plus",
        "datasets": 0,
    }
    answer = JobAnswer(job_id=job_id, result="refused", problems=(problem,))
    await jobs.refuse(row, answer, None)
    log.warning("message of pyicat-plus refused", field=problem.field, reason=problem.reason)
