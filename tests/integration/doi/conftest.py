"""doi under test: its ASGI application on a real broker, database and the DataCite simulator."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aio_pika
import httpx
import pytest
from portal_doi.app import build
from portal_doi.domain import suffix
from portal_doi.settings import DoiSettings
from portal_local.launcher.ports import free_port, listens, wait_until
from portal_local.launcher.processes import Child
from portal_shared.contracts.events import DatasetRegistered, DocumentRegistered, DoiMinted, Event
from portal_shared.contracts.records import Dataset, Document, Member, Person
from portal_shared.messaging import topology
from portal_shared.runtime.settings import Settings

PREFIXES = [f"10.{number}" for number in range(50720, 50799)]  # one for each test
NOW = datetime(2021, 3, 4, tzinfo=UTC)
JANE = Member(person=Person(id="jane", full_name="Jane Doe", first_name="Jane", last_name="Doe"))


def dataset(pid: str, version: int = 1, **fields: Any) -> DatasetRegistered:
    told = {
        "pid": pid,
        "name": pid,
        "title": f"Volume {pid}",
        "profile": "human-organs",
        "created": NOW,
        "members": (JANE,),
        **fields,
    }
    return DatasetRegistered(dataset=Dataset.model_validate(told), version=version)


def document(pid: str, datasets: list[str], version: int = 1, **fields: Any) -> DocumentRegistered:
    told = {
        "pid": pid,
        "name": pid,
        "title": f"Organ {pid}",
        "profile": "human-organs",
        "type": "publication",
        "members": (JANE,),
        "datasets": datasets,
        **fields,
    }
    return DocumentRegistered(document=Document.model_validate(told), version=version)


class DataCiteProcess:
    """The simulator: started again with the same folder and port it is the same DataCite."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._child: Child | None = None
        self._prefixes = iter(PREFIXES)
        self.prefix = ""
        self.url = f"http://127.0.0.1:{self._port}"
        self.http = httpx.Client(base_url=self.url, auth=("DEMO.PORTAL", "demo"), timeout=30)

    def renew(self) -> None:
        """As if it were new: nothing under its prefix, no calls, no faults."""
        self.prefix = next(self._prefixes)
        self.http.delete("/_calls").raise_for_status()
        self.http.delete("/_faults").raise_for_status()

    def start(self) -> None:
        command = [sys.executable, "-m", "portal_local.datacite", "--port", str(self._port),
                   "--data", str(self._folder), "--prefix", *PREFIXES]  # fmt: skip
        log = self._folder / "log"
        self._child = Child("datacite", command, log=log, environment={})
        wait_until(lambda: listens(self._port), self._child, 60)

    def stop(self) -> None:
        if self._child:
            self._child.stop()
            self._child = None

    def calls(self) -> dict[str, int]:
        told: dict[str, int] = self.http.get("/_calls").json()["calls"]
        return told

    def fail(self, **fault: Any) -> None:
        self.http.post("/_faults", json=fault).raise_for_status()

    def doi(self, doi: str) -> dict[str, Any]:
        """What DataCite holds, as it says it."""
        answer = self.http.get(f"/dois/{doi}", params={"publisher": "true"})
        told: dict[str, Any] = answer.raise_for_status().json()["data"]["attributes"]
        return told

    def landing_page(self, doi: str) -> str:
        """Where the DOI leads."""
        return self.http.get(f"/{doi}", follow_redirects=False).headers["location"]

    def ours(self, pid: str) -> str:
        """The DOI that a record is to be given."""
        return f"{self.prefix}/{suffix.suffix(pid)}"

    def all(self) -> list[str]:
        """Every DOI under the prefix of this test."""
        asked = {"page[size]": 1000, "prefix": self.prefix}
        return sorted(row["id"] for row in self.http.get("/dois", params=asked).json()["data"])


@pytest.fixture(scope="session")
def datacite_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataCiteProcess]:
    process = DataCiteProcess(tmp_path_factory.mktemp("datacite"))
    process.start()
    yield process
    process.stop()
    process.http.close()


@pytest.fixture
def datacite(datacite_process: DataCiteProcess) -> DataCiteProcess:
    datacite_process.renew()
    return datacite_process


@dataclass
class DoiService:
    """What the others see of it: it hears events, says events, and has a /status."""

    http: httpx.AsyncClient
    exchange: aio_pika.abc.AbstractExchange
    events: aio_pika.abc.AbstractQueue

    async def say(self, *events: Event) -> None:
        for event in events:
            body = event.model_dump_json().encode()
            message = aio_pika.Message(body, message_id="m", correlation_id="c-1")
            await self.exchange.publish(message, routing_key=event.key)

    async def status(self) -> dict[str, Any]:
        told: dict[str, Any] = (await self.http.get("/status")).json()
        return told

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while True:
                told = await self.status()
                if condition(told):
                    return told
                await asyncio.sleep(0.1)

    async def idle(self, handled: int) -> dict[str, Any]:
        """So many messages handled since the start, nothing to do, all said."""
        return await self.until(
            lambda s: s["settled"]["ok"] >= handled and not s["pending"] and not s["outbox"]
        )

    async def said(self) -> list[tuple[str, dict[str, Any]]]:
        """Events since last asked, by key."""
        found: list[tuple[str, dict[str, Any]]] = []
        while (message := await self.events.get(no_ack=True, fail=False)) is not None:
            found.append((message.routing_key or "", json.loads(message.body)))
        return found

    async def minted(self) -> dict[str, dict[str, Any]]:
        """The last doi.minted of each record since last asked."""
        return {e["pid"]: e for key, e in await self.said() if key == DoiMinted.key}


@pytest.fixture
def doi_settings(settings: Settings, datacite: DataCiteProcess) -> DoiSettings:
    return DoiSettings(
        amqp_url=settings.amqp_url,
        mongo_url=settings.mongo_url,
        database_prefix=settings.database_prefix,
        retry_delays=settings.retry_delays,
        site_url="http://portal.example",
        datacite_url=datacite.url,
        datacite_prefix=datacite.prefix,
        relations_quiet=0.2,
        relations_patience=2,
    )


@asynccontextmanager
async def running(settings: DoiSettings) -> AsyncIterator[DoiService]:
    await topology.declare(settings)
    connection = await aio_pika.connect(settings.amqp_url.get_secret_value())
    channel = await connection.channel()
    exchange = await channel.get_exchange(topology.EVENTS)
    events = await channel.declare_queue(exclusive=True)
    await events.bind(topology.EVENTS, routing_key="doi.#")
    app = build(settings)
    async with (
        connection,
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://doi", timeout=60
        ) as client,
    ):
        service = DoiService(client, exchange, events)
        async with asyncio.timeout(60):
            while (await client.get("/health")).status_code != httpx.codes.OK:
                await asyncio.sleep(0.1)
        yield service


@pytest.fixture
async def doi(doi_settings: DoiSettings) -> AsyncIterator[DoiService]:
    async with running(doi_settings) as service:
        yield service


@pytest.fixture(name="run")
def _run() -> Callable[[DoiSettings], Any]:
    """To start the service, and to start it again."""
    return running


@pytest.fixture(name="dataset")
def _dataset() -> Callable[..., DatasetRegistered]:
    return dataset


@pytest.fixture(name="document")
def _document() -> Callable[..., DocumentRegistered]:
    return document
