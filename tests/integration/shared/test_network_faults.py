"""The network to the broker is cut, slow, or half-open: nothing is lost, and work goes on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import pytest
from faststream.rabbit import RabbitRouter
from faststream.rabbit.annotations import RabbitMessage
from portal_shared.contracts.events import DoiFailed
from portal_shared.messaging import publisher, topology
from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime import mongo
from portal_shared.runtime.settings import Settings
from portal_shared.service.app import Service

from tests.drivers.deployment.network import TcpProxy
from tests.drivers.servers import declare_bus

HEARTBEAT = 2  # a link that lets nothing pass is noticed after three


@pytest.fixture
async def network(amqp_url: str) -> AsyncIterator[TcpProxy]:
    url = urlsplit(amqp_url)
    async with TcpProxy(str(url.hostname), url.port or 5672).running() as proxy:
        yield proxy


@pytest.fixture
async def consumed(
    settings: Settings, network: TcpProxy
) -> AsyncIterator[tuple[Service, Callable[[], set[str]]]]:
    """A service that reaches its broker by the proxy, and the ids of what it consumed."""
    await declare_bus(settings, "ingest")
    direct = settings.amqp_url.get_secret_value()
    url = direct.replace(f":{urlsplit(direct).port}/", f":{network.port}/")
    by_proxy = settings.model_copy(
        update={"amqp_url": type(settings.amqp_url)(f"{url}?heartbeat={HEARTBEAT}")}
    )
    ids: set[str] = set()
    router = RabbitRouter()

    async def note(message: RabbitMessage) -> None:
        ids.add(str(message.message_id))

    for name in topology.queues_of("ingest"):
        router.subscriber(
            publisher.queue_by_name(name), channel=publisher.channel(10), no_reply=True
        )(note)
    service = Service("ingest", by_proxy)
    service.subscribe(router)
    async with service.running():
        await until(lambda: not service.failing_checks())
        yield service, lambda: ids


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.05)


def is_silent(service: Service) -> bool:
    """Whether operators see that nothing comes from the broker."""
    return "bus" in service.failing_checks()


async def add_events(service: Service, count: int) -> None:
    """Adds events to the outbox, as the doi service does with its transactions."""
    outbox = Outbox(service.database, "doi")

    async def add(session: mongo.Session) -> None:
        for number in range(count):
            await outbox.add(
                session, [DoiFailed(pid=f"p{number}", level="dataset", version=1, reason="r")]
            )

    await mongo.transaction(service.client, add)


async def test_what_was_added_while_the_network_was_cut_arrives_after(
    consumed: tuple[Service, Callable[[], set[str]]], network: TcpProxy
) -> None:
    service, ids = consumed
    network.cut()
    await add_events(service, 20)
    await until(lambda: is_silent(service))
    assert service.probes.find("live") == {}
    network.is_cut = False
    await until(lambda: len(ids()) == 20)
    await until(lambda: not service.failing_checks())


async def test_a_half_open_link_is_noticed_and_opened_again(
    consumed: tuple[Service, Callable[[], set[str]]], network: TcpProxy
) -> None:
    """Connections that were open stay so and let nothing pass; new ones do the same."""
    service, ids = consumed
    network.is_frozen = True
    await add_events(service, 20)
    await until(lambda: is_silent(service))
    assert service.probes.find("live") == {}
    network.is_frozen = False
    await until(lambda: len(ids()) == 20)
    await until(lambda: not service.failing_checks())


async def test_on_a_slow_network_everything_arrives_and_nothing_fails(
    consumed: tuple[Service, Callable[[], set[str]]], network: TcpProxy
) -> None:
    service, ids = consumed
    network.pause = 0.2
    await add_events(service, 20)
    await until(lambda: len(ids()) == 20)
    assert service.retries.outcomes["dead"] == service.retries.outcomes["retried"] == 0
