"""A search engine to talk to: a Meilisearch whose URL is given, else the stand-in."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from meilisearch import Client
from meilisearch.index import Index
from meilisearch.models.task import Task, TaskInfo

KEY = "contract-tests-master-key"


@dataclass
class Server:
    """Where the engine is and with which key."""

    url: str
    key: str | None

    def client(self) -> Client:
        return Client(self.url, self.key)

    def http(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)


class StandIn:
    """A stand-in process over a folder; may be killed and started again."""

    def __init__(self, folder: Path, key: str | None = KEY) -> None:
        self._folder = folder
        self.key = key
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        command = [sys.executable, "-m", "portal_local.search", "--port", str(self._port)]
        command += ["--data", str(self._folder)]
        command += ["--master-key", self.key] if self.key else []
        self._process = subprocess.Popen(command)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self._process.poll() is None, "the stand-in ended"
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/health").json() == {"status": "available"}:
                    return Server(self.url, self.key)
            time.sleep(0.05)
        raise AssertionError("the stand-in did not become available")

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(30)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    url = os.environ.get("PORTAL_TEST_MEILISEARCH_URL")
    if url:
        yield Server(url.rstrip("/"), os.environ.get("PORTAL_TEST_MEILISEARCH_KEY"))
        return
    stand_in = StandIn(tmp_path_factory.mktemp("search"))
    try:
        yield stand_in.start()
    finally:
        stand_in.stop()


@pytest.fixture
def stand_in(tmp_path: Path) -> Generator[StandIn]:
    made = StandIn(tmp_path / "data", None)
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
