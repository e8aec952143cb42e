"""Names and declares every exchange and queue of the bus.

`portal-topology` declares them once, before the services start; services only use them. All queues
are quorum queues. Arguments are fixed for ever: the broker refuses a declaration with others.
"""

import asyncio
import itertools
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel

from portal_shared.contracts.events import SUBSCRIPTIONS, Event
from portal_shared.runtime.errors import Conflict, PortalError, Unavailable
from portal_shared.runtime.logs import configure, logger
from portal_shared.runtime.retry import growing_pauses, retry
from portal_shared.runtime.settings import Settings

log = logger(__name__)

EVENTS = "portal.events"  # topic; routing key = the event's key
RETRY_PREFIX = (
    "portal.retry."  # + milliseconds: fanout, one queue each; routing key = the queue to return to
)
DEAD_LETTERS = "portal.dead"  # direct; routing key = service
JOBS = "ingest.jobs"
DROPPED_HEADER = "x-dropped-fields"  # of a job: private fields its sender removed, as a JSON list
SINGLE_CONSUMER_QUEUES = (JOBS,)  # delivered to one replica at a time
SERVICES = tuple(SUBSCRIPTIONS)
PAUSES = tuple(itertools.islice(growing_pauses(1.0, 10.0), 63))  # ten minutes in all
DELIVERY_LIMIT = 20  # a second limit, for messages that crash their consumer


def queue_name(service: str, event: type[Event]) -> str:
    return f"{service}.{event.key}"


def dead_queue(service: str) -> str:
    return f"{service}.dead"


def retry_exchange(delay: float) -> str:
    return f"{RETRY_PREFIX}{round(delay * 1000)}"


def queues_of(service: str) -> list[str]:
    """Returns the queues that a service consumes."""
    own = [queue_name(service, event) for event in SUBSCRIPTIONS[service]]
    return [JOBS, *own] if service == "ingest" else own


@dataclass(frozen=True)
class Depth:
    queue: str
    messages: int  # ready, without those being processed
    consumers: int


def work_arguments(service: str) -> dict[str, Any]:
    return {
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": DEAD_LETTERS,
        "x-dead-letter-routing-key": service,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
        "x-delivery-limit": DELIVERY_LIMIT,
    }


def retry_arguments(delay: float) -> dict[str, Any]:
    return {
        "x-queue-type": "quorum",
        "x-message-ttl": round(delay * 1000),
        "x-dead-letter-exchange": "",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


async def declare(settings: Settings, services: Collection[str] = SERVICES) -> None:
    """Creates missing exchanges, queues and bindings; existing ones stay as they are.

    The queues are those of `services` (default: all), as far as they have a service each.
    """
    connection = await aio_pika.connect(settings.amqp_url.get_secret_value(), timeout=10)
    async with connection:
        channel = await connection.channel()
        events = await channel.declare_exchange(EVENTS, aio_pika.ExchangeType.TOPIC, durable=True)
        dead = await channel.declare_exchange(
            DEAD_LETTERS, aio_pika.ExchangeType.DIRECT, durable=True
        )
        for service in services:
            queue = await channel.declare_queue(
                dead_queue(service), durable=True, arguments={"x-queue-type": "quorum"}
            )
            await queue.bind(dead, routing_key=service)
        for delay in settings.retry_delays:
            name = retry_exchange(delay)
            exchange = await channel.declare_exchange(
                name, aio_pika.ExchangeType.FANOUT, durable=True
            )
            queue = await channel.declare_queue(
                name, durable=True, arguments=retry_arguments(delay)
            )
            await queue.bind(exchange)
        for service in services:
            for event in SUBSCRIPTIONS[service]:
                queue = await channel.declare_queue(
                    queue_name(service, event), durable=True, arguments=work_arguments(service)
                )
                await queue.bind(events, routing_key=event.key)
        if "ingest" in services:
            in_order = {**work_arguments("ingest"), "x-single-active-consumer": True}
            await channel.declare_queue(JOBS, durable=True, arguments=in_order)


async def depths(channel: AbstractChannel, queues: list[str]) -> list[Depth]:
    """Returns the number of messages by queue; raises errors of aio_pika if one is missing."""
    found: list[Depth] = []
    for name in queues:
        queue = await channel.declare_queue(name, passive=True)
        result = queue.declaration_result
        found.append(Depth(name, result.message_count or 0, result.consumer_count or 0))
    return found


async def declare_patiently(settings: Settings, pauses: Iterable[float] = PAUSES) -> None:
    """Declares all; while the broker is away, tries again after each of `pauses` (seconds).

    Raises Unavailable with what to do after the last one.
    """

    async def attempt() -> None:
        try:
            await declare(settings)
        except aio_pika.exceptions.ChannelPreconditionFailed as error:
            raise Conflict(f"a queue exists with other arguments: {error}") from error
        except (aio_pika.exceptions.AMQPException, OSError, TimeoutError) as error:
            raise Unavailable(f"RabbitMQ: {error!r}") from error

    def report(error: Exception, pause: float) -> None:
        log.warning("broker is away", reason=str(error), seconds=pause)

    await retry(attempt, pauses=pauses, report=report)


def main() -> None:
    """Declares all queues; waits minutes for a broker that is away. Exit code 1: not declared."""
    settings = Settings()
    configure("topology", settings.log_level)
    try:
        asyncio.run(declare_patiently(settings))
    except PortalError as error:
        log.error("queues not declared", reason=str(error))  # noqa: TRY400  # the reason says all
        sys.exit(1)
    log.info("queues declared")
