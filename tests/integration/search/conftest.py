"""A search engine to talk to: a Meilisearch whose URL is given, else the stand-in."""

import os
import uuid
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from meilisearch import Client
from meilisearch.index import Index
from meilisearch.models.task import Task, TaskInfo

from tests.drivers.search_engine import Server, StandIn

KEY = "contract-tests-master-key"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    url = os.environ.get("PORTAL_TEST_MEILISEARCH_URL")
    if url:
        yield Server(url.rstrip("/"), os.environ.get("PORTAL_TEST_MEILISEARCH_KEY"))
        return
    stand_in = StandIn(tmp_path_factory.mktemp("search"), KEY)
    try:
        yield stand_in.start()
    finally:
        stand_in.stop()


@pytest.fixture
def stand_in(tmp_path: Path) -> Generator[StandIn]:
    made = StandIn(tmp_path / "data")
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def client(server: Server) -> Client:
    return server.client()


@pytest.fixture(scope="session")
def http(server: Server) -> Generator[httpx.Client]:
    with server.http() as client:
        yield client


Done = Callable[[TaskInfo], Task]


@pytest.fixture(scope="session")
def done(client: Client) -> Done:
    """Waits for a task and answers it, whatever became of it."""

    def wait(info: TaskInfo) -> Task:
        return client.wait_for_task(info.task_uid, timeout_in_ms=120_000, interval_in_ms=10)

    return wait


Make = Callable[..., Index]


@pytest.fixture(scope="session")
def make(client: Client, done: Done) -> Generator[Make]:
    """Makes an index with settings and documents; all are deleted at the end."""
    made: list[str] = []

    def index(
        documents: Iterable[Mapping[str, Any]] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> Index:
        uid = f"test-{uuid.uuid4().hex}"
        made.append(uid)
        assert done(client.create_index(uid, {"primaryKey": "id"})).status == "succeeded"
        found = client.index(uid)
        if settings:
            assert done(found.update_settings(dict(settings))).status == "succeeded"
        listed = [dict(document) for document in documents]
        if listed:
            assert done(found.add_documents(listed)).status == "succeeded"
        return found

    yield index
    for uid in made:
        client.delete_index(uid)


@pytest.fixture
def uid(client: Client) -> Generator[str]:
    """A name for an index that the test makes itself."""
    name = f"test-{uuid.uuid4().hex}"
    yield name
    client.delete_index(name)
