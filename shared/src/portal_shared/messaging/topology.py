"""Names every exchange and queue of the bus, and declares them over AMQP.

`portal-topology` declares them once, before the services start; services only use them. All queues
are quorum queues. The broker refuses to declare a queue with other arguments than it has, so
arguments hold what never changes, and limits are policies: see `broker/wanted.py`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed

from portal_shared.contracts.events import SUBSCRIPTIONS, Event
from portal_shared.runtime.logs import logger
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
DELIVERY_LIMIT = 20  # a second limit, for messages that crash their consumer
LIMITS = ("x-delivery-limit", "x-max-length", "x-max-length-bytes")  # arguments that may differ


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


@dataclass(frozen=True)
class Binding:
    exchange: str
    queue: str
    key: str


@dataclass(frozen=True)
class Topology:
    """The exchanges (type by name), queues (arguments by name) and bindings of the bus."""

    exchanges: dict[str, str]
    queues: dict[str, dict[str, Any]]
    bindings: tuple[Binding, ...]


def wanted_topology(settings: Settings, services: Collection[str] = SERVICES) -> Topology:
    """Returns what this version needs for these services, without limits."""
    exchanges = {EVENTS: "topic", DEAD_LETTERS: "direct"}
    queues: dict[str, dict[str, Any]] = {}
    bindings: list[Binding] = []
    for service in services:
        queues[dead_queue(service)] = {"x-queue-type": "quorum"}
        bindings.append(Binding(DEAD_LETTERS, dead_queue(service), service))
    for delay in settings.retry_delays:
        name = retry_exchange(delay)
        exchanges[name] = "fanout"
        queues[name] = _retry_arguments(delay)
        bindings.append(Binding(name, name, ""))
    for service in services:
        for event in SUBSCRIPTIONS[service]:
            queues[queue_name(service, event)] = _work_arguments(service)
            bindings.append(Binding(EVENTS, queue_name(service, event), event.key))
    if "ingest" in services:
        queues[JOBS] = {**_work_arguments("ingest"), "x-single-active-consumer": True}
    return Topology(exchanges, queues, tuple(bindings))


def is_work_queue(name: str) -> bool:
    """Whether services consume the queue: neither dead letters nor pauses between attempts."""
    return name.partition(".")[0] in SERVICES and not name.endswith(".dead")


def _work_arguments(service: str) -> dict[str, Any]:
    return {
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": DEAD_LETTERS,
        "x-dead-letter-routing-key": service,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def _retry_arguments(delay: float) -> dict[str, Any]:
    return {
        "x-queue-type": "quorum",
        "x-message-ttl": round(delay * 1000),
        "x-dead-letter-exchange": "",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


async def declare(settings: Settings, services: Collection[str] = SERVICES) -> None:
    """Creates missing exchanges, queues and bindings over AMQP; existing ones stay as they are.

    The queues are those of `services` (default: all), as far as they have a service each. AMQP
    knows no policies: new queues have the limit of deliveries as an argument instead. Raises
    ChannelPreconditionFailed if an argument other than a limit differs.
    """
    wanted = wanted_topology(settings, services)
    connection = await aio_pika.connect(settings.amqp_url.get_secret_value(), timeout=10)
    async with connection:
        channel = await connection.channel()
        for name, kind in wanted.exchanges.items():
            await channel.declare_exchange(name, aio_pika.ExchangeType(kind), durable=True)
        for name, arguments in wanted.queues.items():
            limit = {"x-delivery-limit": DELIVERY_LIMIT} if is_work_queue(name) else {}
            channel = await _declare_queue(connection, channel, name, {**arguments, **limit})
        for binding in wanted.bindings:
            queue = await channel.get_queue(binding.queue, ensure=False)
            await queue.bind(binding.exchange, routing_key=binding.key)


async def _declare_queue(
    connection: AbstractConnection, channel: AbstractChannel, name: str, arguments: dict[str, Any]
) -> AbstractChannel:
    """Declares one queue; returns a channel that is open: a refusal closes it."""
    try:
        await channel.declare_queue(name, durable=True, arguments=arguments)
    except ChannelPreconditionFailed as error:
        if not any(f"'{limit}'" in str(error) for limit in LIMITS):
            raise
        log.info("queue keeps its own limits", queue=name, reason=str(error))
        return await connection.channel()
    return channel


async def existing_queues(settings: Settings) -> dict[str, int]:
    """Returns the messages in each queue of this version that exists. Raises errors of aio_pika."""
    found: dict[str, int] = {}
    connection = await aio_pika.connect(settings.amqp_url.get_secret_value(), timeout=10)
    async with connection:
        for name in wanted_topology(settings).queues:
            channel = await connection.channel()  # closed by a refusal
            try:
                (depth,) = await depths(channel, [name])
            except ChannelNotFoundEntity:
                continue
            found[name] = depth.messages
            await channel.close()
    return found


async def depths(channel: AbstractChannel, queues: list[str]) -> list[Depth]:
    """Returns the number of messages by queue; raises errors of aio_pika if one is missing."""
    found: list[Depth] = []
    for name in queues:
        queue = await channel.declare_queue(name, passive=True)
        result = queue.declaration_result
        found.append(Depth(name, result.message_count or 0, result.consumer_count or 0))
    return found
