"""A running simulator and python-icat clients that speak to it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from uuid import uuid4

import icat
import pytest


class Server:
    """A simulator in a process of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [sys.executable, "-m", "portal_local.icat", "--data", str(folder), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url: str = json.loads(self.process.stdout.readline())["listening"]

    def end(self, *, kill: bool = False) -> None:
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def get(self, path: str) -> Any:
        with urlopen(f"{self.url}{path}", timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def post(self, path: str, body: object) -> Any:
        request = Request(f"{self.url}{path}", json.dumps(body).encode(), method="POST")  # noqa: S310
        with urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def fail_next(self, fault: str, **more: object) -> None:
        self.post("/_faults", {"faults": [{"fault": fault, **more}]})

    def client(self, user: str = "root", password: str | None = None) -> icat.Client:
        client = icat.Client(self.url, cache=None)
        client.autoLogout = False
        client.login("simple", {"username": user, "password": password or user})
        return client


@contextmanager
def run(folder: Path, *options: str) -> Iterator[Server]:
    server = Server(folder, *options)
    try:
        yield server
    finally:
        server.end()


@pytest.fixture(scope="session")
def running() -> Callable[..., AbstractContextManager[Server]]:
    return run


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests that leave it as they found it."""
    with run(tmp_path_factory.mktemp("icat")) as server:
        yield server


@pytest.fixture(scope="session")
def client(server: Server) -> icat.Client:
    return server.client()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts a server with options of its own, on the test's folder."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(run(tmp_path / "icat", *options))


class Archive:
    """Makes beans, each test in an investigation of its own."""

    def __init__(self, client: icat.Client) -> None:
        self.client = client
        self.facility = self.make("Facility", name=f"facility-{uuid4()}")
        self.type = self.make("DatasetType", name="processed", facility=self.facility)
        kind = self.make("InvestigationType", name="MD", facility=self.facility)
        self.investigation = self.make(
            "Investigation",
            facility=self.facility,
            type=kind,
            name="md1290",
            visitId="bm18",
            title="Whole organs",
        )

    def new(self, bean: str, **fields: Any) -> Any:
        return self.client.new(bean, **fields)

    def make(self, bean: str, **fields: Any) -> Any:
        """A bean that the server has, with what the server made of it."""
        made = self.new(bean, **fields)
        made.create()
        return self.client.get(f"{bean} INCLUDE 1", made.id)

    def dataset(self, name: str, **fields: Any) -> Any:
        return self.new(
            "Dataset",
            **{"name": name, "type": self.type, "investigation": self.investigation, **fields},
        )

    def parameter_type(self, name: str, kind: str = "NUMERIC", **fields: Any) -> Any:
        settings = {"applicableToDataset": True, "units": "", **fields}
        return self.make(
            "ParameterType", facility=self.facility, name=name, valueType=kind, **settings
        )

    def parameter(self, kind: Any, **value: Any) -> Any:
        return self.new("DatasetParameter", type=kind, **value)

    def search(self, query: str) -> list[Any]:
        return self.client.search(query.replace("{inv}", str(self.investigation.id)))


@pytest.fixture(scope="session")
def new_archive() -> Callable[[icat.Client], Archive]:
    """For tests with a server or a scope of their own."""
    return Archive


@pytest.fixture
def archive(client: icat.Client) -> Archive:
    return Archive(client)
