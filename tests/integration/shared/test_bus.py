"""The bus on a real broker: events are consumed; failures are retried or become dead letters."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated

import aio_pika
import pytest
from faststream import Context
from faststream.rabbit import RabbitRouter
from portal_shared.contracts.events import DoiFailed, DoiMinted
from portal_shared.messaging import publisher, topology
from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime import mongo
from portal_shared.runtime.errors import Invalid, Unavailable
from portal_shared.runtime.settings import Settings
from portal_shared.service.app import Service

from tests.drivers import plain_http
from tests.drivers.servers import RabbitNode

FAILED = DoiFailed(pid="a", level="dataset", version=1, reason="r")


class Notebook:
    def __init__(self) -> None:
        self.received: list[DoiFailed] = []
        self.fails_with: Exception | None = None
        self.fails_times = 0


router = RabbitRouter()


@router.subscriber(
    publisher.event_queue("ingest", DoiFailed), channel=publisher.channel(1), no_reply=True
)
async def note(event: DoiFailed, notebook: Annotated[Notebook, Context()]) -> None:
    notebook.received.append(event)
    if notebook.fails_with and len(notebook.received) <= notebook.fails_times:
        raise notebook.fails_with


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.fixture
async def notebook(settings: Settings) -> AsyncIterator[tuple[Service, Notebook]]:
    await topology.declare(settings)
    notebook = Notebook()
    service = Service("ingest", settings)
    service.subscribe(router, notebook=notebook)
    async with service.running():
        async with asyncio.timeout(30):
            while service.failing_checks():
                await asyncio.sleep(0.05)
        yield service, notebook


async def publish(service: Service, body: bytes) -> None:
    await service.publisher.publish(
        body,
        exchange=topology.EVENTS,
        routing_key=DoiFailed.key,
        message_id="m1",
        correlation_id="c1",
    )


async def dead_letter(settings: Settings) -> aio_pika.abc.AbstractIncomingMessage | None:
    connection = await aio_pika.connect(settings.amqp_url.get_secret_value())
    async with connection:
        channel = await connection.channel()
        queue = await channel.get_queue(topology.dead_queue("ingest"))
        return await queue.get(no_ack=True, fail=False, timeout=60)


async def test_a_message_is_received_once(notebook: tuple[Service, Notebook]) -> None:
    service, notes = notebook
    await publish(service, FAILED.model_dump_json().encode())
    await until(lambda: len(notes.received) == 1)
    assert notes.received == [FAILED]


async def test_a_temporary_failure_is_retried(notebook: tuple[Service, Notebook]) -> None:
    service, notes = notebook
    notes.fails_with, notes.fails_times = Unavailable("not now"), 1
    await publish(service, FAILED.model_dump_json().encode())
    await until(lambda: len(notes.received) == 2)
    assert service.retries.outcomes["retried"] == 1
    assert service.retries.outcomes["dead"] == 0


async def test_after_the_last_attempt_a_message_is_a_dead_letter_with_the_reason(
    notebook: tuple[Service, Notebook], settings: Settings
) -> None:
    service, notes = notebook
    notes.fails_with, notes.fails_times = Unavailable("not now"), 100
    await publish(service, FAILED.model_dump_json().encode())
    await until(lambda: service.retries.outcomes["dead"] == 1)
    message = await dead_letter(settings)
    assert message is not None
    assert len(notes.received) == len(settings.retry_delays) + 1
    assert message.headers["x-reason"] == "not now"
    assert message.headers["x-queue"] == "ingest.doi.failed.v1"
    assert (message.message_id, message.correlation_id) == ("m1", "c1")


@pytest.mark.parametrize("body", [b"\xff\xfe", b"{", b"[]", b'{"pid": 1}', b"", b"null"])
async def test_an_invalid_body_is_a_dead_letter_at_once(
    notebook: tuple[Service, Notebook], settings: Settings, body: bytes
) -> None:
    service, notes = notebook
    await publish(service, body)
    await until(lambda: service.retries.outcomes["dead"] == 1)
    message = await dead_letter(settings)
    assert message is not None
    assert message.body == body
    assert message.headers["x-reason"]
    assert notes.received == []


async def test_a_permanent_failure_is_not_retried(
    notebook: tuple[Service, Notebook], settings: Settings
) -> None:
    service, notes = notebook
    notes.fails_with, notes.fails_times = Invalid("never", field="pid"), 100
    await publish(service, FAILED.model_dump_json().encode())
    await until(lambda: service.retries.outcomes["dead"] == 1)
    assert len(notes.received) == 1


async def test_an_event_without_a_bound_queue_is_not_published(
    notebook: tuple[Service, Notebook],
) -> None:
    service, _ = notebook
    with pytest.raises(Unavailable, match="no queue takes"):
        await service.publisher.publish(
            b"{}", exchange=topology.EVENTS, routing_key="nobody.hears.v1", message_id="m"
        )


async def test_an_event_leaves_with_its_transaction_or_not_at_all(
    notebook: tuple[Service, Notebook],
) -> None:
    service, _ = notebook
    outbox = Outbox(service.database, "doi")
    minted = DoiMinted(
        pid="a", level="dataset", doi="10.1/a", url="u", adopted=False, state="draft", version=1
    )

    async def doomed(session: mongo.Session) -> None:
        await outbox.add(session, [minted])
        raise Invalid("no")

    with pytest.raises(Invalid):
        await mongo.transaction(service.client, doomed)
    assert await outbox.pending() == 0

    async def good(session: mongo.Session) -> None:
        await outbox.add(session, [minted])

    await mongo.transaction(service.client, good)
    rows = await service.database["outbox"].count_documents({})
    assert rows == 1


async def test_events_leave_in_the_order_they_were_added(
    notebook: tuple[Service, Notebook],
) -> None:
    service, book = notebook
    outbox = Outbox(service.database, "doi")
    for number in range(20):
        event = FAILED.model_copy(update={"version": number})

        async def add(session: mongo.Session, event: DoiFailed = event) -> None:
            await outbox.add(session, [event])

        await mongo.transaction(service.client, add)
        await asyncio.sleep(0.002)  # MongoDB stores created_at in milliseconds
    await outbox.relay_batch(service.publisher, "a relay")
    await until(lambda: len(book.received) == 20)
    assert [event.version for event in book.received] == list(range(20))


async def test_two_relays_share_the_rows(notebook: tuple[Service, Notebook]) -> None:
    service, book = notebook
    outbox = Outbox(service.database, "doi")
    events = [FAILED.model_copy(update={"version": number}) for number in range(20)]

    async def add(session: mongo.Session) -> None:
        await outbox.add(session, events)

    await mongo.transaction(service.client, add)
    relays = [outbox.relay_batch(service.publisher, f"relay {n}") for n in range(3)]
    assert sum(await asyncio.gather(*relays)) == len(events)
    await until(lambda: len(book.received) == len(events))
    assert sorted(event.version for event in book.received) == list(range(20))
    assert await outbox.pending() == 0


async def test_an_event_too_large_for_the_bus_stays_and_delays_no_other(
    notebook: tuple[Service, Notebook],
) -> None:
    service, book = notebook
    outbox = Outbox(service.database, "doi")
    large = FAILED.model_copy(update={"reason": "r" * publisher.MAX_EVENT_BYTES})

    async def add(session: mongo.Session) -> None:
        await outbox.add(session, [FAILED, large, FAILED])

    await mongo.transaction(service.client, add)
    for _ in range(2):
        await outbox.relay_batch(service.publisher, "a relay")
    await until(lambda: len(book.received) == 2)
    assert await outbox.pending() == 1


async def test_all_queues_are_quorum_queues(
    notebook: tuple[Service, Notebook], rabbitmq_node: RabbitNode, amqp_url: str
) -> None:

    management = rabbitmq_node[1]
    if management is None:
        pytest.skip("needs the management API")
    async with plain_http.async_client() as client:
        name = amqp_url.rsplit("/", 1)[1]
        queues = (await client.get(f"{management}/api/queues/{name}")).json()
    assert queues
    assert {q["type"] for q in queues} == {"quorum"}
