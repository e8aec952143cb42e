"""The AsyncAPI 3 document of the bus, for teams that build consumers or send jobs.

FastStream writes it from the same table of events that the services use.
"""

import inspect
import json
from typing import Any

from faststream.rabbit import ExchangeType, QueueType, RabbitBroker, RabbitExchange, RabbitQueue
from faststream.specification import AsyncAPI
from pydantic import BaseModel

from portal_shared.contracts.events import EVENTS, PRODUCED, SUBSCRIPTIONS, Event
from portal_shared.contracts.jobs import Job
from portal_shared.messaging import topology

BROKER = "amqp://broker.example.org:5672/"
DESCRIPTION = (
    "Events of the Human Organs Open Data portal. The body is the bare event as JSON; the envelope "
    "is AMQP's own: message_id (unique; the same if it is sent again), correlation_id (of the job "
    "from which the event follows), type, timestamp, app_id. A consumer of another team declares a "
    "queue of its own and binds it to the topic exchange portal.events by the keys that it wants. "
    "It must ignore fields that it does not know and events whose version is not newer than what "
    "it has: an event may come twice or late. Within a version, events get fields with defaults "
    "only. Jobs are sent to the queue ingest.jobs through the default exchange; job_id makes it "
    "safe to send one again."
)


def document(version: str) -> str:
    """Returns the document as JSON: who publishes each event, and which queues exist."""
    broker = RabbitBroker(BROKER)
    exchange = RabbitExchange(topology.EVENTS, type=ExchangeType.TOPIC, durable=True)
    for event in EVENTS:
        services = ", ".join(name for name, events in PRODUCED.items() if event in events)
        broker.publisher(
            exchange=exchange,
            routing_key=event.key,
            persist=True,
            schema=event,
            title=event.key,
            description=f"Published by {services}. {_first_sentence(event)}",
        )
    _subscribe(broker, topology.JOBS, Job, f"Consumed by ingest. {_first_sentence(Job)}")
    for service, events in SUBSCRIPTIONS.items():
        for event in events:
            queue = topology.queue_name(service, event)
            _subscribe(broker, queue, event, f"The queue of {service}, bound by {event.key}.")
    made = AsyncAPI(
        broker,
        title="Human Organs Open Data portal: events",
        version=version,
        description=DESCRIPTION,
        schema_version="3.0.0",
    )
    content: dict[str, Any] = json.loads(made.to_specification().to_json())
    return json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _subscribe(broker: RabbitBroker, queue: str, model: type[BaseModel], description: str) -> None:
    async def handle(body: BaseModel) -> None: ...

    handle.__annotations__ = {"body": model, "return": None}
    subscriber = broker.subscriber(
        RabbitQueue(queue, queue_type=QueueType.QUORUM, durable=True),
        title=queue,
        description=description,
    )
    subscriber(handle)


def _first_sentence(model: type[Event] | type[Job]) -> str:
    return (inspect.getdoc(model) or "").partition("\n")[0]
