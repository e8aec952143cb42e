"""Fixtures of the search contract tests: a Meilisearch given by URL, else the stand-in."""

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


WaitTask = Callable[[TaskInfo], Task]


@pytest.fixture(scope="session")
def wait_task(client: Client) -> WaitTask:
    """Waits for a task and returns it, whether it succeeded or failed."""

    def wait(info: TaskInfo) -> Task:
        return client.wait_for_task(info.task_uid, timeout_in_ms=120_000, interval_in_ms=10)

    return wait


MakeIndex = Callable[..., Index]


@pytest.fixture(scope="session")
def make_index(client: Client, wait_task: WaitTask) -> Generator[MakeIndex]:
    """Creates indexes with settings and documents; deletes them at the end."""
    uids: list[str] = []

    def index(
        documents: Iterable[Mapping[str, Any]] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> Index:
        uid = f"test-{uuid.uuid4().hex}"
        uids.append(uid)
        assert wait_task(client.create_index(uid, {"primaryKey": "id"})).status == "succeeded"
        found = client.index(uid)
        if settings:
            assert wait_task(found.update_settings(dict(settings))).status == "succeeded"
        listed = [dict(document) for document in documents]
        if listed:
            assert wait_task(found.add_documents(listed)).status == "succeeded"
        return found

    yield index
    for uid in uids:
        client.delete_index(uid)


@pytest.fixture
def uid(client: Client) -> Generator[str]:
    """The name of an index that the test creates itself."""
    name = f"test-{uuid.uuid4().hex}"
    yield name
    client.delete_index(name)
