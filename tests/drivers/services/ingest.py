# pyright: basic, reportAttributeAccessIssue=false
"""ingest under test: its application on a real broker and database, with the ICAT simulator."""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aio_pika
import httpx
import icat
from fastapi import FastAPI
from portal_ingest.app import build
from portal_ingest.settings import IngestSettings
from portal_shared.contracts.jobs import JobAnswer
from portal_shared.messaging import topology
from portal_shared.runtime.settings import Settings

from tests.drivers import plain_http
from tests.drivers.icat import QuickClient
from tests.drivers.process import ServerProcess
from tests.drivers.servers import declare_bus
from tests.drivers.services.operators import HEADERS

WAIT_SECONDS = 60
POLL_SECONDS = 0.05


def icat_process(folder: Path, *options: str) -> ServerProcess:
    """Returns the ICAT simulator, not yet started; it keeps its data and port when restarted."""
    arguments = ("-m", "portal_local.icat", "--host", "127.0.0.1", "--data", str(folder / "icat"))
    arguments += options
    return ServerProcess("icat", *arguments, folder=folder)


@contextlib.contextmanager
def running_icat(folder: Path) -> Iterator[ServerProcess]:
    server = icat_process(folder)
    server.start()
    yield server
    server.stop()


def empty_icat(server: ServerProcess) -> None:
    """Deletes what a test left in the simulator; one that was killed is started again."""
    if not server.is_running:
        server.start()
    order = {"delete_all": True, "clear": True}
    try:
        answer = plain_http.post(f"{server.url}/_faults", json=order, timeout=30)
    except httpx.TransportError:  # it was killed a moment ago
        server.stop()
        server.start()
        answer = plain_http.post(f"{server.url}/_faults", json=order, timeout=30)
    answer.raise_for_status()


@contextlib.contextmanager
def icat_client(url: str) -> Iterator[icat.Client]:
    """Yields a session of ICAT that is independent of ingest."""
    client = QuickClient(url, cache=None)
    client.autoLogout = False
    client.login("simple", {"username": "ingest", "password": "ingest"})
    yield client
    client.logout()


def results(answer: JobAnswer) -> dict[str, str]:
    """Returns the result of each part by its name."""
    return {o.name: o.result for o in answer.outcomes}


@dataclass(frozen=True)
class Event:
    key: str
    body: dict[str, Any]

    def is_of(self, key: str, pid: str, version: int) -> bool:
        record = self.body.get("dataset") or self.body.get("document") or self.body
        return (self.key, record.get("pid"), self.body.get("version")) == (key, pid, version)


@dataclass
class Broker:
    """A data manager's connection: a channel, a queue for answers, and one that gets all events."""

    channel: aio_pika.abc.AbstractChannel
    answers: aio_pika.abc.AbstractQueue
    events: aio_pika.abc.AbstractQueue
    received: list[Event] = field(default_factory=list[Event])

    async def send(
        self,
        job: dict[str, Any] | bytes,
        correlation: str = "c",
        *,
        headers: dict[str, Any] | None = None,
    ) -> None:
        body = job if isinstance(job, bytes) else json.dumps(job).encode()
        message = aio_pika.Message(
            body, reply_to=self.answers.name, correlation_id=correlation, headers=headers
        )
        await self.channel.default_exchange.publish(message, routing_key=topology.JOBS)

    async def answer(self) -> JobAnswer:
        """Returns the next answer."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                message = await self.answers.get(no_ack=True, fail=False, timeout=60)
                if message is not None:
                    return JobAnswer.model_validate_json(message.body)
                await asyncio.sleep(POLL_SECONDS)

    async def run(self, job: dict[str, Any] | bytes) -> JobAnswer:
        """Sends a job and returns its answer."""
        await self.send(job)
        return await self.answer()

    async def published(self, key: str, pid: str, version: int) -> dict[str, Any]:
        """Waits for the event of a record's version and returns its body."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                for event in self.received:
                    if event.is_of(key, pid, version):
                        return event.body
                self.received += await self.new_events()

    async def new_events(self) -> list[Event]:
        """Returns the events that have arrived since the last call."""
        found: list[Event] = []
        while (message := await self.events.get(no_ack=True, fail=False, timeout=60)) is not None:
            found.append(Event(message.routing_key or "", json.loads(message.body)))
        await asyncio.sleep(POLL_SECONDS)
        return found


@contextlib.asynccontextmanager
async def broker_of(settings: Settings) -> AsyncIterator[Broker]:
    await declare_bus(settings, "ingest")
    connection = await aio_pika.connect(settings.amqp_url.get_secret_value())
    async with connection:
        channel = await connection.channel()
        answers = await channel.declare_queue(exclusive=True)
        events = await channel.declare_queue(exclusive=True)
        await events.bind(topology.EVENTS, routing_key="#")
        yield Broker(channel, answers, events)


@dataclass
class Ingest:
    """A running ingest with its HTTP port, its broker and its intake folder."""

    app: FastAPI
    http: httpx.AsyncClient
    broker: Broker
    root: Path

    async def run(self, job: dict[str, Any] | bytes) -> JobAnswer:
        return await self.broker.run(job)

    async def published(self, key: str, pid: str, version: int) -> dict[str, Any]:
        return await self.broker.published(key, pid, version)

    async def all_events(self) -> list[Event]:
        """Returns the new events after ingest has finished all jobs and published everything."""
        async with asyncio.timeout(WAIT_SECONDS):
            while await self._has_work():
                await asyncio.sleep(POLL_SECONDS)
        return await self.broker.new_events()

    async def _has_work(self) -> bool:
        status = (await self.http.get("/status", params={"exact": True})).raise_for_status().json()
        return not (status.get("pending") == 0 == status.get("outbox"))  # missing: not known

    def file(self, folder: str, name: str, content: bytes) -> dict[str, Any]:
        """Writes a file below the intake folder and returns its description for a job."""
        place = self.root / folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        path, _, base = name.rpartition("/")
        return {
            "name": base,
            "path": path or None,
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }


@contextlib.asynccontextmanager
async def running_app(settings: IngestSettings) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """Runs the application in this process; yields it when it is healthy."""
    app = build(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=transport, base_url="http://ingest", headers=HEADERS, timeout=60
        ) as client,
    ):
        async with asyncio.timeout(WAIT_SECONDS):
            while (await client.get("/health")).status_code != httpx.codes.OK:
                await asyncio.sleep(POLL_SECONDS)
        yield app, client


@contextlib.asynccontextmanager
async def running_ingest(settings: Settings, icat_url: str, folder: Path) -> AsyncIterator[Ingest]:
    root = folder / "archive"
    root.mkdir()
    own = IngestSettings(
        amqp_url=settings.amqp_url,
        mongo_url=settings.mongo_url,
        database_prefix=settings.database_prefix,
        retry_delays=settings.retry_delays,
        icat_url=icat_url,
        intake_root=root,
        icat_refusal_pauses=(0.1,),
    )
    async with broker_of(settings) as broker, running_app(own) as (app, client):
        yield Ingest(app, client, broker, root)
