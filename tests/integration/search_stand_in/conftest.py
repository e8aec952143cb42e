"""Fixtures of the search contract tests: a Meilisearch given by URL, else the stand-in."""

import uuid
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

import httpx
import pytest
from meilisearch import Client
from meilisearch.models.task import Task, TaskInfo

from tests.drivers.search.engine import IndexFactory, Server, StandIn, serve, wait_for_task

KEY = "contract-tests-master-key"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    with serve(tmp_path_factory.mktemp("search"), KEY) as engine:
        yield engine


@pytest.fixture
def stand_in(tmp_path: Path) -> Generator[StandIn]:
    process = StandIn(tmp_path / "data")
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture(scope="session")
def client(server: Server) -> Client:
    return server.client()


@pytest.fixture(scope="session")
def http(server: Server) -> Generator[httpx.Client]:
    with server.http() as client:
        yield client


@pytest.fixture(scope="session")
def wait_task(client: Client) -> Callable[[TaskInfo], Task]:
    return partial(wait_for_task, client)


@pytest.fixture(scope="session")
def make_index(client: Client) -> Generator[IndexFactory]:
    factory = IndexFactory(client)
    yield factory
    factory.delete_all()


@pytest.fixture
def uid(client: Client) -> Generator[str]:
    name = f"test-{uuid.uuid4().hex}"
    yield name
    client.delete_index(name)
