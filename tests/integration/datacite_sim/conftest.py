"""A DataCite simulator in a process of its own, shared by the tests of this folder."""

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from datacite import DataCiteRESTClient

from tests.drivers import plain_http
from tests.drivers.datacite import PASSWORD, PREFIX, USER, Publisher, datacite_process

Clients = tuple[httpx.Client, httpx.Client]


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    process = datacite_process(tmp_path_factory.mktemp("datacite"), "--prefix", PREFIX, "10.60555")
    process.start()
    yield process.url
    process.stop()


@pytest.fixture(scope="session")
def clients(server_url: str) -> Iterator[Clients]:
    with (
        plain_http.client(server_url, timeout=30) as anonymous,
        plain_http.client(server_url, auth=(USER, PASSWORD), timeout=30) as authenticated,
    ):
        yield anonymous, authenticated


@pytest.fixture
def anonymous(clients: Clients) -> httpx.Client:
    """A client without credentials; faults and counts of other tests are removed."""
    clients[0].delete("/_faults")
    clients[0].delete("/_calls")
    return clients[0]


@pytest.fixture
def client(anonymous: httpx.Client, clients: Clients) -> httpx.Client:  # resets
    """A client with credentials."""
    return clients[1]


@pytest.fixture
def official(client: httpx.Client) -> DataCiteRESTClient:
    """The client of the `datacite` package."""
    return DataCiteRESTClient(USER, PASSWORD, PREFIX, url=str(client.base_url), timeout=30)


@pytest.fixture
def doi() -> str:
    return f"{PREFIX}/test-{uuid4().hex[:12]}"


@pytest.fixture
def publish(client: httpx.Client) -> Publisher:
    return Publisher(client)
