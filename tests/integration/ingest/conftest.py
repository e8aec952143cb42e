"""ingest under test: its ASGI application on a real broker, database and the ICAT simulator."""

import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aio_pika
import httpx
import pytest
from fastapi import FastAPI
from portal_ingest.app import build
from portal_ingest.settings import IngestSettings
from portal_local.launcher.ports import free_port, listens, wait_until
from portal_local.launcher.processes import Child
from portal_shared.contracts.jobs import JobAnswer
from portal_shared.messaging import topology
from portal_shared.runtime.settings import Settings


@pytest.fixture
def icat_url(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    child = start_icat(tmp_path, port)
    yield f"http://127.0.0.1:{port}"
    child.stop()


def start_icat(folder: Path, port: int) -> Child:
    command = [sys.executable, "-m", "portal_local.icat", "--host", "127.0.0.1",
               "--port", str(port), "--data", str(folder / "icat")]  # fmt: skip
    child = Child("icat", command, log=folder / "icat.log", environment={})
    wait_until(lambda: listens(port), child, 60)
    return child


Ends = tuple[  # of the bus: a channel, the queue of answers, the queue of all events
    aio_pika.abc.AbstractChannel, aio_pika.abc.AbstractQueue, aio_pika.abc.AbstractQueue
]


@dataclass
class Ingest:
    """What a data manager has: a queue to drop jobs onto, and one for the answers."""

    app: FastAPI | None  # None: processes of their own
    http: httpx.AsyncClient
    channel: aio_pika.abc.AbstractChannel
    answers: aio_pika.abc.AbstractQueue
    events: aio_pika.abc.AbstractQueue
    root: Path
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def said(self, key: str, pid: str, version: int) -> dict[str, Any]:
        """The body of one event, once it is said."""
        async with asyncio.timeout(60):
            while True:
                for name, body in self.seen:
                    record = body.get("dataset") or body.get("document") or body
                    if (name, record.get("pid"), body.get("version")) == (key, pid, version):
                        return body
                self.seen += await self._next()

    async def send(self, body: bytes, correlation: str = "c") -> None:
        message = aio_pika.Message(body, reply_to=self.answers.name, correlation_id=correlation)
        await self.channel.default_exchange.publish(message, routing_key=topology.JOBS)

    async def answer(self) -> JobAnswer:
        async with asyncio.timeout(60):
            while True:
                message = await self.answers.get(no_ack=True, fail=False)
                if message is not None:
                    return JobAnswer.model_validate_json(message.body)
                await asyncio.sleep(0.05)

    async def do(self, job: dict[str, Any] | bytes) -> JobAnswer:
        await self.send(job if isinstance(job, bytes) else json.dumps(job).encode())
        return await self.answer()

    async def heard(self, count: int) -> list[tuple[str, dict[str, Any]]]:
        """That many events, then none for a while."""
        found: list[tuple[str, dict[str, Any]]] = []
        async with asyncio.timeout(60):
            while len(found) < count:
                found += await self._next()
        await asyncio.sleep(1.5)  # longer than the relay's poll: nothing more comes
        return found + await self._next()

    async def _next(self) -> list[tuple[str, dict[str, Any]]]:
        found: list[tuple[str, dict[str, Any]]] = []
        while (message := await self.events.get(no_ack=True, fail=False)) is not None:
            found.append((message.routing_key or "", json.loads(message.body)))
        await asyncio.sleep(0.05)
        return found

    def file(self, folder: str, name: str, content: bytes) -> dict[str, Any]:
        """Put a file where the job says, and describe it truly."""
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


@pytest.fixture
async def ends(settings: Settings) -> AsyncIterator[Ends]:
    await topology.declare(settings)
    connection = await aio_pika.connect(settings.amqp_url.get_secret_value())
    channel = await connection.channel()
    answers = await channel.declare_queue(exclusive=True)
    events = await channel.declare_queue(exclusive=True)
    await events.bind(topology.EVENTS, routing_key="#")
    yield channel, answers, events
    await connection.close()


@pytest.fixture
async def ingest(
    settings: Settings, icat_url: str, tmp_path: Path, ends: Ends
) -> AsyncIterator[Ingest]:
    root = tmp_path / "archive"
    root.mkdir()
    app = build(
        IngestSettings(
            amqp_url=settings.amqp_url,
            mongo_url=settings.mongo_url,
            database_prefix=settings.database_prefix,
            retry_delays=settings.retry_delays,
            icat_url=icat_url,
            intake_root=root,
        )
    )
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://ingest", timeout=60
        ) as client,
    ):
        async with asyncio.timeout(60):
            while (await client.get("/health")).status_code != httpx.codes.OK:
                await asyncio.sleep(0.1)
        yield Ingest(app, client, *ends, root)
