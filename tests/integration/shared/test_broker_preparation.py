"""The broker is prepared on a real RabbitMQ: twice is once, and each user can do its own work."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import quote, urlsplit

import aio_pika
import pytest
from aio_pika.exceptions import AMQPException
from faststream.rabbit import RabbitRouter
from faststream.rabbit.annotations import RabbitMessage
from portal_cli import main
from portal_cli.submission.client import submit_jobs
from portal_cli.submission.message import JobMessage
from portal_shared.contracts.events import EVENTS, PRODUCED, SUBSCRIPTIONS
from portal_shared.messaging import publisher, topology
from portal_shared.messaging.broker import plan, preparation
from portal_shared.messaging.broker.plan import Sign, Step
from portal_shared.messaging.broker.settings import TopologySettings
from portal_shared.messaging.broker.wanted import CLIENTS, wanted
from portal_shared.messaging.publisher import Publisher
from portal_shared.runtime.errors import Conflict, Invalid, Unavailable
from portal_shared.runtime.settings import Settings
from portal_shared.service.app import Service
from typer.testing import CliRunner

from tests.drivers import plain_http
from tests.drivers.servers import RabbitNode
from tests.drivers.services.answering_ingest import AnsweringIngest

Broker = TopologySettings


@pytest.fixture
def broker(rabbitmq_node: RabbitNode, settings: Settings) -> Iterator[Broker]:
    """Settings of the topology with a user for each service; the users are removed at the end."""
    found = with_users(rabbitmq_node, settings)
    yield found
    remove_users(found)


@pytest.fixture(scope="module")
def prepared(rabbitmq_node: RabbitNode, settings_of_module: Settings) -> Iterator[Broker]:
    """The same, prepared once for tests that leave no messages."""
    found = with_users(rabbitmq_node, settings_of_module)
    asyncio.run(preparation.apply(found))
    yield found
    remove_users(found)


def with_users(node: RabbitNode, settings: Settings) -> Broker:
    if node.management_url is None:
        pytest.skip("needs the management API")
    url = urlsplit(settings.amqp_url.get_secret_value())
    tail = f"@{url.netloc.rpartition('@')[2]}{url.path}"
    mark = uuid.uuid4().hex[:8]  # users are those of the whole broker
    urls = {
        f"amqp_url_{client}": f"amqp://{client}-{mark}:{quote('p@ss/', safe='')}{client}{tail}"
        for client in (*topology.SERVICES, *CLIENTS)
    }
    given = {**settings.model_dump(), "amqp_management_url": node.management_url, **urls}
    return Broker.model_validate(given)


def remove_users(broker: Broker) -> None:
    with plain_http.client(broker.amqp_management_url.get_secret_value()) as client:
        for account in wanted(broker).accounts:
            client.delete(f"/api/users/{account.name}")


def of_service(broker: Broker, client: str) -> Settings:
    url = getattr(broker, f"amqp_url_{client}")
    shared = broker.model_dump(include={*Settings.model_fields})
    return Settings.model_validate({**shared, "amqp_url": url})


def signs(steps: list[Step]) -> set[Sign]:
    return {step.sign for step in steps}


async def test_what_is_missing_is_made_once(broker: Broker) -> None:
    planned = await preparation.find_differences(broker)
    assert signs(planned) == {Sign.CREATE}
    assert len([step for step in planned if step.kind == "rights"]) == 7
    assert await preparation.apply(broker) == planned
    assert await preparation.find_differences(broker) == []
    assert await preparation.apply(broker) == []


async def test_a_change_is_made_where_messages_wait(broker: Broker) -> None:
    await preparation.apply(broker)
    sender = Publisher(broker, "test")
    await sender.publish(b"{}", exchange="", routing_key=topology.JOBS, message_id="m")
    other = broker.model_copy(update={"queue_max_messages": 1, "delivery_limit": 3})
    (step,) = await preparation.apply(other)
    assert str(step).startswith("~ policy portal-work: delivery-limit 20 -> 3, max-length 2000000")

    async def publish_until_refused() -> None:
        while True:  # the broker applies a policy to its queues a moment later
            await sender.publish(b"{}", exchange="", routing_key=topology.JOBS, message_id="m")

    with pytest.raises(Unavailable):
        await asyncio.wait_for(publish_until_refused(), 20)
    await preparation.apply(broker)
    await sender.close()
    assert await preparation.find_differences(broker) == []


async def test_queues_of_the_release_before_stay_and_both_releases_prepare(broker: Broker) -> None:
    """Without management, as releases before did it, a limit is an argument."""
    old = broker.model_copy(update={"amqp_management_url": Broker().amqp_management_url})
    await preparation.apply(old)
    steps = await preparation.apply(broker)
    notes = [step for step in steps if step.sign is Sign.NOTE]
    work = [q for q in topology.wanted_topology(broker).queues if topology.is_work_queue(q)]
    assert {step.name for step in notes} == set(work)
    await preparation.apply(old)
    assert plan.to_make(await preparation.find_differences(broker)) == []


async def test_the_release_before_prepares_a_broker_with_limits_as_policies(broker: Broker) -> None:
    await preparation.apply(broker)
    old = broker.model_copy(update={"amqp_management_url": Broker().amqp_management_url})
    assert signs(await preparation.apply(old)) == {Sign.NOTE}
    assert await preparation.find_differences(broker) == []


async def test_a_queue_that_cannot_be_changed_stops_before_anything_is_made(broker: Broker) -> None:
    connection = await aio_pika.connect(broker.amqp_url.get_secret_value())
    async with connection:
        channel = await connection.channel()
        await channel.declare_queue(topology.JOBS, durable=True)
    with pytest.raises(Conflict, match=r"ingest\.jobs x-queue-type is (classic|None)"):
        await preparation.apply(broker)
    assert {"+", "x"} == signs(await preparation.find_differences(broker))
    old = broker.model_copy(update={"amqp_management_url": Broker().amqp_management_url})
    with pytest.raises(Conflict, match="other arguments"):
        await preparation.apply(old)


async def test_a_user_without_the_right_to_prepare_is_refused_with_the_setting(
    broker: Broker,
) -> None:
    await preparation.apply(broker)
    url = broker.amqp_management_url.get_secret_value()
    address = url.rpartition("@")[2]
    wrong = {**broker.model_dump(), "amqp_management_url": f"http://nobody:no@{address}"}
    with pytest.raises(Invalid, match="PORTAL_AMQP_MANAGEMENT_URL"):
        await preparation.find_differences(Broker.model_validate(wrong))
    gone = {**broker.model_dump(), "amqp_management_url": "http://a:b@127.0.0.1:1"}
    with pytest.raises(Unavailable, match="PORTAL_AMQP_MANAGEMENT_URL"):
        await preparation.find_differences(Broker.model_validate(gone))


async def test_preparing_goes_on_while_the_broker_is_away() -> None:
    nowhere = Broker.model_validate({"amqp_url": "amqp://guest:guest@127.0.0.1:1/"})
    with pytest.raises(Unavailable, match="RabbitMQ"):
        await preparation.apply_patiently(nowhere, pauses=(0.0, 0.0))
    assert sum(preparation.PAUSES) > 300


def consumers(service: str, received: list[str], fails: list[Exception]) -> RabbitRouter:
    """Returns a subscriber for each queue of a service, as its handlers have them."""

    async def handle(message: RabbitMessage) -> None:
        received.append(message.raw_message.routing_key or "")
        if fails:
            raise fails[0]

    router = RabbitRouter()
    for name in topology.queues_of(service):
        router.subscriber(
            publisher.queue_by_name(name), channel=publisher.channel(10), no_reply=True
        )(handle)
    return router


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("name", topology.SERVICES)
async def test_a_service_does_its_work_with_its_own_user(broker: Broker, name: str) -> None:
    await preparation.apply(broker)
    received: list[str] = []
    fails: list[Exception] = []
    service = Service(name, of_service(broker, name))
    service.subscribe(consumers(name, received, fails))
    everybody = Publisher(broker, "test")
    async with service.running():
        await until(lambda: not service.failing_checks())
        for event in PRODUCED[name]:
            await service.publisher.publish(
                b"{}", exchange=topology.EVENTS, routing_key=event.key, message_id="m"
            )
        received.clear()
        for event in SUBSCRIPTIONS[name]:
            await everybody.publish(
                b"{}", exchange=topology.EVENTS, routing_key=event.key, message_id="m"
            )
        await until(lambda: len(received) == len(SUBSCRIPTIONS[name]))
        fails.append(Invalid("never"))
        queue = topology.queues_of(name)[0]
        await service.publisher.publish(b"{}", exchange="", routing_key=queue, message_id="m")
        await until(lambda: service.retries.outcomes["dead"] == 1)
        fails[0] = Unavailable("not now")
        await service.publisher.publish(b"{}", exchange="", routing_key=queue, message_id="m")
        await until(lambda: service.retries.outcomes["dead"] == 2)
    await everybody.close()


Work = Callable[[aio_pika.abc.AbstractChannel], Awaitable[None]]


async def is_refused(settings: Settings, work: Work) -> bool:
    connection = await aio_pika.connect(settings.amqp_url.get_secret_value())
    async with connection:
        channel = await connection.channel(publisher_confirms=True)
        try:
            await work(channel)
        except AMQPException as error:
            return "ACCESS_REFUSED" in str(error)
    return False


@pytest.mark.parametrize("name", [*topology.SERVICES, *CLIENTS])
async def test_a_user_is_refused_what_is_not_its_work(prepared: Broker, name: str) -> None:
    settings = of_service(prepared, name)
    other = "doi" if name != "doi" else "indexer"

    async def consume(channel: aio_pika.abc.AbstractChannel) -> None:
        queue = await channel.get_queue(topology.queues_of(other)[0], ensure=False)
        await queue.get(fail=False)

    async def publish(channel: aio_pika.abc.AbstractChannel) -> None:
        exchange = await channel.get_exchange(topology.EVENTS, ensure=False)
        foreign = next(e for e in EVENTS if e not in PRODUCED.get(name, ()))
        await exchange.publish(aio_pika.Message(b"{}"), foreign.key)

    async def declare(channel: aio_pika.abc.AbstractChannel) -> None:
        await channel.declare_queue("mine", durable=True)

    async def purge(channel: aio_pika.abc.AbstractChannel) -> None:
        await (await channel.get_queue(topology.dead_queue(other), ensure=False)).delete(
            if_unused=False, if_empty=False
        )

    for work in (consume, publish, declare, purge):
        assert await is_refused(settings, work), work.__name__


async def test_a_sender_gets_answers_to_its_jobs(prepared: Broker) -> None:
    ingest = AnsweringIngest(of_service(prepared, "ingest").amqp_url.get_secret_value())
    for client in CLIENTS:
        url = of_service(prepared, client).amqp_url.get_secret_value()
        async with ingest.listening():
            done = await submit_jobs(url, [JobMessage(client, b"{}", client)], seconds=30)
        assert list(done.answers) == [client]


async def test_operators_read_and_replay_dead_letters(
    broker: Broker,
) -> None:
    await preparation.apply(broker)
    sender = Publisher(broker, "test")
    await sender.publish(
        b"{}", exchange=topology.DEAD_LETTERS, routing_key="doi", message_id="m",
        headers={"x-queue": topology.queues_of("doi")[0]},
    )  # fmt: skip
    await sender.close()
    own = {"PORTAL_AMQP_URL": of_service(broker, "cli").amqp_url.get_secret_value()}

    def command(*arguments: str) -> str:
        result = CliRunner().invoke(main.app, ["dead-letters", *arguments], env=own)
        assert result.exit_code == 0, result.output
        return result.output

    for _ in range(25):  # more often than RabbitMQ 4 delivers a message without our policy
        listed = await asyncio.to_thread(command, "list", "--json")
        assert [letter["id"] for letter in json.loads(listed)] == ["m"]
    assert await asyncio.to_thread(command, "replay", "m") == "replayed 1\n"
