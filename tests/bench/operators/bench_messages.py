"""Cost of a message in a service's broker: metrics, ids of logs, retries and traces, beside bare.

Bare is FastStream's broker with the same queue, model and handler, and nothing else. `stored` has a
handler that writes the record's version to the database, as the services do: that write is also
what recognises a message that comes twice. PORTAL_BENCH_MESSAGES is their number in each run.
Processor time of the consuming process, the least of ROUNDS runs in turns.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import aio_pika
from faststream import AckPolicy, Context
from faststream._internal.context.repository import ContextRepo
from faststream.rabbit import RabbitBroker, RabbitRouter
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from portal_shared.contracts.events import DoiFailed
from portal_shared.messaging import publisher, topology
from portal_shared.messaging.retries import RetryPolicy, make_broker
from portal_shared.runtime import mongo
from portal_shared.runtime.settings import Settings
from portal_shared.runtime.telemetry import exporter, tracing

MESSAGES = int(os.environ.get("PORTAL_BENCH_MESSAGES", "2000"))
ROUNDS = 3
PARENT = f"00-{'a' * 32}-{'b' * 16}-01"
EVENT = DoiFailed(pid="a", level="dataset", version=1, reason="r")


class Work:
    """Counts messages, and stores their versions if it has a collection."""

    def __init__(self, rows: Any = None) -> None:
        self.rows = rows
        self.count = 0
        self.done = asyncio.Event()

    async def take(self, event: DoiFailed) -> None:
        if self.rows is not None:
            change = {"$max": {"version": event.version}}
            await self.rows.update_one({"_id": event.pid}, change, upsert=True)
        self.count += 1
        if self.count == MESSAGES:
            self.done.set()


def router() -> RabbitRouter:
    made = RabbitRouter()

    @made.subscriber(
        publisher.event_queue("ingest", DoiFailed), channel=publisher.channel(20), no_reply=True
    )
    async def take(event: DoiFailed, work: Annotated[Work, Context()]) -> None:
        await work.take(event)

    return made


class Nowhere(SpanExporter):
    """Takes spans and sends nothing."""

    def export(self, spans: Any) -> SpanExportResult:  # noqa: ARG002
        return SpanExportResult.SUCCESS


def bare(settings: Settings) -> RabbitBroker:
    url = settings.amqp_url.get_secret_value()
    policy = AckPolicy.REJECT_ON_ERROR
    return RabbitBroker(url, ack_policy=policy, context=ContextRepo(), logger=None)


def ours(settings: Settings) -> RabbitBroker:
    policy = RetryPolicy(settings, "ingest", publisher.Publisher(settings, "ingest"))
    return make_broker(settings, "ingest", policy)


@asynccontextmanager
async def traces() -> AsyncIterator[None]:
    tracer = exporter.OpenTelemetry("ingest", BatchSpanProcessor(Nowhere()))
    tracing.start(tracer)
    try:
        yield
    finally:
        tracing.start(None)
        tracer.stop(5)


async def fill(settings: Settings) -> None:
    async with await aio_pika.connect(settings.amqp_url.get_secret_value()) as connection:
        exchange = await (await connection.channel()).get_exchange(topology.EVENTS)
        for number in range(MESSAGES):
            message = aio_pika.Message(
                EVENT.model_dump_json().encode(), message_id=str(number), correlation_id="c",
                headers={tracing.HEADER: PARENT},
            )  # fmt: skip
            await exchange.publish(message, routing_key=EVENT.key)


async def measure(
    settings: Settings, make: Callable[[Settings], RabbitBroker], work: Work
) -> float:
    """Milliseconds of this process for a message."""
    await fill(settings)
    broker = make(settings)
    broker.include_router(router())
    broker.context.set_global("work", work)
    started = time.process_time()
    await broker.start()
    await work.done.wait()
    used = time.process_time() - started
    await broker.stop()
    return used / MESSAGES * 1000


async def test_messages(settings: Settings) -> None:
    await topology.declare(settings, ("ingest",))
    client = mongo.connect(settings)
    rows = mongo.database(client, settings, "ingest")["bench"]
    least: dict[tuple[str, bool], float] = {}
    for _ in range(ROUNDS):
        for stored in (False, True):
            for name in ("bare", "metrics", "metrics and traces"):
                work = Work(rows if stored else None)
                if name == "bare":
                    used = await measure(settings, bare, work)
                elif name == "metrics":
                    used = await measure(settings, ours, work)
                else:
                    async with traces():
                        used = await measure(settings, ours, work)
                least[name, stored] = min(used, least.get((name, stored), used))
    client.close()
    print(f"\n{MESSAGES} messages; load {os.getloadavg()[0]:.0f}; processor time of a message")
    for (name, stored), used in least.items():
        kind = f"{name}{', stored' if stored else ''}"
        print(f"{kind:32}{used:7.3f} ms{used / least['bare', stored]:7.2f} x bare")
