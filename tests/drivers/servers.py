"""RabbitMQ and MongoDB for tests: given by URL, else installed here and started."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import aio_pika
import httpx
import pytest
from portal_local.launcher import mongodb, rabbitmq
from portal_local.launcher.ports import NotStarted
from portal_local.launcher.processes import Child
from portal_shared.messaging import topology
from portal_shared.runtime.settings import Settings

from tests.drivers import plain_http

# More than a run needs: a log that is written to the files of queues while a virtual host is
# deleted can end the node (rabbitmq/ra pull request 484, in releases from 2025).
LOG_BYTES = 256 * 2**20


class RabbitNode(NamedTuple):
    """A broker; it has no management URL when it was given by URL without one."""

    url: str
    management_url: str | None
    process: Child | None = None

    def check(self) -> None:
        """Fails the test with the end of its log if the broker was started here and has ended."""
        code = self.process and self.process.poll()
        if self.process and code is not None:
            log = self.process.log.read_text("utf-8", "replace")
            pytest.fail(f"RabbitMQ ended with {code}. The end of its log:\n{log[-6000:]}")


@contextlib.contextmanager
def serve_rabbitmq(folder: Path) -> Iterator[RabbitNode]:
    given_url = os.environ.get("PORTAL_TEST_AMQP_URL")
    if given_url:
        yield RabbitNode(given_url, os.environ.get("PORTAL_TEST_AMQP_MANAGEMENT_URL"))
        return
    if rabbitmq.start_script() is None:
        missing("no rabbitmq-server is installed and PORTAL_TEST_AMQP_URL is not set")
    node = rabbitmq.start(folder, management=True, log_bytes=LOG_BYTES)
    yield RabbitNode(node.url, node.management_url, node.child)
    node.stop()


@contextlib.contextmanager
def serve_mongodb(folder: Path) -> Iterator[str]:
    given_url = os.environ.get("PORTAL_TEST_MONGO_URL")
    if given_url:
        yield given_url
        return
    try:
        server = mongodb.start(folder)
    except NotStarted as error:
        missing(str(error))
    else:
        yield server.url
        server.stop()


def missing(reason: str) -> None:
    """Skips the test, or fails it if the run must have everything."""
    if os.environ.get("PORTAL_REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@contextlib.contextmanager
def virtual_host(node: RabbitNode) -> Iterator[str]:
    """A new virtual host; without management URL, the one in the given URL."""
    node.check()
    url, management = node.url, node.management_url
    if management is None:
        yield url
        return
    name = f"test-{uuid.uuid4().hex[:12]}"
    with plain_http.client(management, timeout=90) as client:
        client.put(f"/api/vhosts/{name}").raise_for_status()
        user = httpx.URL(url).username
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        client.put(f"/api/permissions/{name}/{user}", json=everything).raise_for_status()
        yield url.rstrip("/") + f"/{name}"
        client.delete(f"/api/vhosts/{name}")


async def declare_bus(settings: Settings, *services: str) -> None:
    """Declares the queues of the services under test, and one that takes every event.

    A virtual host with the queues of all services takes the broker three times as long. With that
    one queue, which has only the newest event, every published event has a queue as it has when
    all services run.
    """
    await topology.declare(settings, services)
    connection = await aio_pika.connect(settings.amqp_url.get_secret_value())
    async with connection:
        channel = await connection.channel()
        newest = await channel.declare_queue(
            "test.newest-event", durable=True, arguments={"x-max-length": 1}
        )
        await newest.bind(topology.EVENTS, routing_key="#")


def isolated_settings(amqp_url: str, mongo_server: str) -> Settings:
    """Returns settings with databases of their own and quick retries."""
    return Settings(
        amqp_url=amqp_url,  # pyright: ignore[reportArgumentType]
        mongo_url=mongo_server,  # pyright: ignore[reportArgumentType]
        database_prefix=f"t{uuid.uuid4().hex[:10]}_",
        retry_delays=(0.2, 0.4),
    )
