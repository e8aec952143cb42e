"""Real servers for the tests: given by URL, else installed here and started once per worker.

Each test has its own virtual host and databases.
"""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import hypothesis
import pytest
from portal_local.launcher import mongodb, rabbitmq
from portal_local.launcher.ports import NotStarted
from portal_shared.runtime.settings import Settings

# How fast examples are made and judged says nothing on a machine that runs other tests meanwhile.
hypothesis.settings.register_profile(
    "portal", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("portal")
REQUIRED = os.environ.get("PORTAL_REQUIRE_SERVICES") == "1"


def missing(reason: str) -> None:
    """Skip with the reason, unless the run must have everything."""
    if REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def rabbitmq_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str | None]]:
    """AMQP URL and management URL (None for a server given by URL)."""
    given_url = os.environ.get("PORTAL_TEST_AMQP_URL")
    if given_url:
        yield given_url, os.environ.get("PORTAL_TEST_AMQP_MANAGEMENT_URL")
        return
    if rabbitmq.start_script() is None:
        missing("no rabbitmq-server is installed and PORTAL_TEST_AMQP_URL is not set")
    node = rabbitmq.start(tmp_path_factory.mktemp("rabbitmq"), management=True)
    yield node.url, node.management_url
    node.stop()


@contextlib.contextmanager
def virtual_host(node: tuple[str, str | None]) -> Iterator[str]:
    """A new virtual host; without management URL, the one in the given URL."""
    url, management = node
    if management is None:
        yield url
        return
    name = f"test-{uuid.uuid4().hex[:12]}"
    with httpx.Client(base_url=management, timeout=20) as client:
        client.put(f"/api/vhosts/{name}").raise_for_status()
        user = httpx.URL(url).username
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        client.put(f"/api/permissions/{name}/{user}", json=everything).raise_for_status()
        yield url.rstrip("/") + f"/{name}"
        client.delete(f"/api/vhosts/{name}")


@pytest.fixture
def amqp_url(rabbitmq_node: tuple[str, str | None]) -> Iterator[str]:
    with virtual_host(rabbitmq_node) as url:
        yield url


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    given_url = os.environ.get("PORTAL_TEST_MONGO_URL")
    if given_url:
        yield given_url
        return
    folder: Path = tmp_path_factory.mktemp("mongodb")
    try:
        server = mongodb.start(folder)
    except NotStarted as error:
        missing(str(error))
        return
    yield server.url
    server.stop()


@pytest.fixture
def settings(amqp_url: str, mongo_server: str) -> Settings:
    """Settings of a service under test: its own virtual host, its own databases, quick retries."""
    return _settings(amqp_url, mongo_server)


@pytest.fixture(scope="module")
def settings_of_module(
    rabbitmq_node: tuple[str, str | None], mongo_server: str
) -> Iterator[Settings]:
    """The same for all tests of a module that read what was put there once."""
    with virtual_host(rabbitmq_node) as url:
        yield _settings(url, mongo_server)


def _settings(amqp_url: str, mongo_server: str) -> Settings:
    return Settings(
        amqp_url=amqp_url,  # pyright: ignore[reportArgumentType]
        mongo_url=mongo_server,  # pyright: ignore[reportArgumentType]
        database_prefix=f"t{uuid.uuid4().hex[:10]}_",
        retry_delays=(0.2, 0.4),
    )
