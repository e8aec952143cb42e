"""What the bus is made of: every exchange and queue, named and declared here alone.

Declared once, as a step before the services (`portal-topology`); they only use it.
All queues are quorum queues. Arguments hold what never changes: redeclaring with others is refused.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel

from portal_shared.contracts.events import SUBSCRIPTIONS, Event
from portal_shared.runtime.settings import Settings

EVENTS = "portal.events"  # topic; routing key = the event's key
RETRY_PREFIX = (
    "portal.retry."  # + milliseconds: fanout, one queue each; routing key = the queue to return to
)
DEAD_LETTERS = "portal.dead"  # direct; routing key = service
JOBS = "ingest.jobs"
SINGLE_CONSUMER_QUEUES = (JOBS,)  # given to one consumer at a time, whatever the number of replicas
SERVICES = tuple(SUBSCRIPTIONS)
DELIVERY_LIMIT = 20  # the net below our own counting: for messages that kill their consumer


def queue_name(service: str, event: type[Event]) -> str:
    return f"{service}.{event.key}"


def dead_queue(service: str) -> str:
    return f"{service}.dead"


def retry_exchange(delay: float) -> str:
    return f"{RETRY_PREFIX}{round(delay * 1000)}"


def queues_of(service: str) -> list[str]:
    """The queues a service consumes."""
    own = [queue_name(service, event) for event in SUBSCRIPTIONS[service]]
    return [JOBS, *own] if service == "ingest" else own


def service_of(queue: str) -> str:
    return queue.split(".", 1)[0]


@dataclass(frozen=True)
class Depth:
    queue: str
    messages: int  # ready: not those being worked on
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


async def declare(settings: Settings) -> None:
    """Make everything that is missing; harmless where it is there already."""
    connection = await aio_pika.connect(settings.amqp_url.get_secret_value(), timeout=10)
    async with connection:
        channel = await connection.channel()
        events = await channel.declare_exchange(EVENTS, aio_pika.ExchangeType.TOPIC, durable=True)
        dead = await channel.declare_exchange(
            DEAD_LETTERS, aio_pika.ExchangeType.DIRECT, durable=True
        )
        for service in SERVICES:
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
        for service, heard in SUBSCRIPTIONS.items():
            for event in heard:
                queue = await channel.declare_queue(
                    queue_name(service, event), durable=True, arguments=work_arguments(service)
                )
                await queue.bind(events, routing_key=event.key)
        in_order = {**work_arguments("ingest"), "x-single-active-consumer": True}
        await channel.declare_queue(JOBS, durable=True, arguments=in_order)


async def depths(channel: AbstractChannel, queues: list[str]) -> list[Depth]:
    """How many messages wait in each queue; raises aio_pika's errors for one that is not there."""
    found: list[Depth] = []
    for name in queues:
        queue = await channel.declare_queue(name, passive=True)
        result = queue.declaration_result
        found.append(Depth(name, result.message_count or 0, result.consumer_count or 0))
    return found


def main() -> None:
    asyncio.run(declare(Settings()))
