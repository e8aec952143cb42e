"""Consumes what pyicat-plus sends over STOMP, and enqueues it as ingest jobs.

RabbitMQ's stomp plugin delivers its destinations to the queues that are consumed here. The client
receives no answer; operators see the outcome with `portal jobs`.
"""

import asyncio
import json
from typing import Annotated, Any

from faststream import Context
from faststream.rabbit import RabbitQueue, RabbitRouter
from faststream.rabbit.annotations import RabbitMessage
from portal_shared import profile as profiles
from portal_shared.contracts.jobs import Problem
from portal_shared.messaging import publisher as bus
from portal_shared.messaging import topology
from portal_shared.messaging.publisher import Publisher
from portal_shared.runtime.errors import Invalid
from portal_shared.runtime.logs import logger
from portal_shared.validation.redaction import redact, shown_places

from portal_ingest.jobs.acceptance import raw_body
from portal_ingest.stomp import esrf_messages
from portal_ingest.store.jobs import JobStore

log = logger(__name__)


def router() -> RabbitRouter:
    """Returns a subscriber for each queue, declared as the stomp plugin declares it."""
    built = RabbitRouter()
    for name in esrf_messages.QUEUES:
        built.subscriber(
            RabbitQueue(name, durable=True),
            channel=bus.channel(1),
            decoder=raw_body,
            no_reply=True,
        )(enqueue_job)
    return built


async def enqueue_job(
    body: bytes,
    message: RabbitMessage,  # injected by its annotation
    publisher: Annotated[Publisher, Context()],
    jobs: Annotated[JobStore, Context()],
) -> None:
    """Enqueues the job of a message, or stores its refusal."""
    queue = str(message.raw_message.routing_key or "")
    try:
        job, dropped = await asyncio.to_thread(public_job, queue, body)
    except Invalid as error:
        problem = Problem(field=error.field or queue, reason=error.reason)
        await jobs.refuse(body, problem, profile=esrf_messages.PROFILE, sender=esrf_messages.SENDER)
        log.warning("pyicat-plus message refused", field=problem.field, reason=problem.reason)
        return
    if dropped:
        log.warning("private values dropped", job_id=job["job_id"], dropped=len(dropped))
    await publisher.publish(
        json.dumps(job, ensure_ascii=False).encode(),
        exchange="",
        routing_key=topology.JOBS,
        message_id=job["job_id"],
        kind="ingest.job",
        correlation_id=message.correlation_id,
        headers={topology.DROPPED_HEADER: json.dumps(shown_places(dropped))} if dropped else None,
    )
    log.info("pyicat-plus message enqueued as job", job_id=job["job_id"], queue=queue)


def public_job(queue: str, body: bytes) -> tuple[dict[str, Any], list[str]]:
    """Returns the job without the donor's private values, and where those were.

    Raises Invalid with what is wrong with the message.
    """
    profile = profiles.load(esrf_messages.PROFILE)
    return redact(esrf_messages.to_job(queue, body), profile)
