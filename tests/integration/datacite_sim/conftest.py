"""A DataCite simulator in a process of its own, shared by the tests of this folder."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from datacite import DataCiteRESTClient

USER, PASSWORD, PREFIX = "DEMO.PORTAL", "demo", "10.5072"


class Simulator:
    """Started with the same folder again it is the same DataCite."""

    def __init__(self, data: Path, *options: str) -> None:
        command = [sys.executable, "-m", "portal_local.datacite", "--data", str(data), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def stop(self, *, kill: bool = False) -> None:
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        self.process.communicate(timeout=30)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    simulator = Simulator(
        tmp_path_factory.mktemp("datacite"), "--prefix", PREFIX, "10.60555", "--user", USER
    )
    yield simulator
    simulator.stop()


@pytest.fixture(scope="session")
def clients(server: Simulator) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    with (
        httpx.Client(base_url=server.url, timeout=30) as anonymous,
        httpx.Client(base_url=server.url, auth=(USER, PASSWORD), timeout=30) as known,
    ):
        yield anonymous, known


@pytest.fixture
def anyone(clients: tuple[httpx.Client, httpx.Client]) -> httpx.Client:
    """Without credentials; faults and counts of other tests are gone."""
    clients[0].delete("/_faults")
    clients[0].delete("/_calls")
    return clients[0]


@pytest.fixture
def us(anyone: httpx.Client, clients: tuple[httpx.Client, httpx.Client]) -> httpx.Client:
    return clients[1]


@pytest.fixture
def official(anyone: httpx.Client, server: Simulator) -> DataCiteRESTClient:
    return DataCiteRESTClient(USER, PASSWORD, PREFIX, url=server.url, timeout=30)


@pytest.fixture
def doi() -> str:
    return f"{PREFIX}/test-{uuid4().hex[:12]}"


@pytest.fixture
def metadata() -> dict[str, Any]:
    return {
        "creators": [{"name": "Doe, Jane", "affiliation": [{"name": "A Synchrotron"}]}],
        "titles": [{"title": "A left kidney, overview"}],
        "publisher": {"name": "A Synchrotron"},
        "publicationYear": "2025",
        "types": {"resourceTypeGeneral": "Dataset"},
        "schemaVersion": "http://datacite.org/schema/kernel-4",
        "relatedIdentifiers": [
            {
                "relatedIdentifier": "10.5072/whole",
                "relatedIdentifierType": "DOI",
                "relationType": "IsPartOf",
            }
        ],
    }


@pytest.fixture
def publish(us: httpx.Client, metadata: dict[str, Any]) -> Callable[..., httpx.Response]:
    """PUT of a complete record with `event: publish`; keywords replace attributes."""

    def put(doi: str, **changes: Any) -> httpx.Response:
        sent = {**metadata, "url": "https://example.org/it", "event": "publish", **changes}
        return us.put(f"/dois/{doi}", json=payload(**sent))

    return put


def payload(**attributes: Any) -> dict[str, Any]:
    return {"data": {"type": "dois", "attributes": attributes}}


@pytest.fixture(name="payload")
def _payload() -> Callable[..., dict[str, Any]]:
    return payload


@pytest.fixture
def simulator_class() -> type[Simulator]:
    return Simulator
