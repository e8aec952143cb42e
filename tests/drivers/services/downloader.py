"""The downloader in a process of its own, and a test's view of it."""

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import aio_pika
import httpx
from portal_local.launcher.ports import free_port
from portal_shared.contracts.events import (
    FILES_PER_PART,
    DatasetFilesListed,
    DatasetRegistered,
    DownloadRequested,
    Event,
)
from portal_shared.contracts.file_urls import data_path
from portal_shared.contracts.records import Dataset, File, FileSummary, files_digest
from portal_shared.messaging import topology
from portal_shared.runtime import mongo
from portal_shared.runtime.settings import Settings

from tests.drivers import plain_http
from tests.drivers.process import ServerProcess
from tests.drivers.servers import (
    RabbitNode,
    declare_bus,
    isolated_settings,
    virtual_host,
)
from tests.drivers.services.operators import HEADERS
from tests.drivers.tape import TapeArchive

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
SITE = "http://portal.example"
QUICK = {
    "PORTAL_WINDOW_SECONDS": "0.2",
    "PORTAL_POLL_SECONDS": "0.05",
    "PORTAL_POLL_LONGEST": "0.5",
    "PORTAL_RETRY_SECONDS": "0.1",
    "PORTAL_LEASE_SECONDS": "2",
    "PORTAL_UNKNOWN_SECONDS": "1",
    "PORTAL_PROGRESS_SECONDS": "0.1",
    "PORTAL_GATHER_SECONDS": "0.05",
    "PORTAL_SITE_URL": SITE,
}


class DownloaderProcess(ServerProcess):
    """A downloader with a cache in its folder, started at once."""

    def __init__(
        self, folder: Path, environment: dict[str, str], *, prefix: Sequence[str] = ()
    ) -> None:
        self.cache = folder / "cache"
        operators = free_port()
        self.operator_url = f"http://127.0.0.1:{operators}"
        super().__init__(
            "downloader",
            *("-m", "uvicorn", "--factory", "portal_downloader.app:build", "--no-access-log"),
            folder=folder,
            environment={
                **environment,
                "PORTAL_CACHE_DIR": str(self.cache),
                "PORTAL_OPERATOR_PORT": str(operators),
            },
            health="/health",
            prefix=prefix,
        )
        self.start()


@dataclass
class DownloaderClient:
    """A downloader as one test sees it: with pids of its own, and the events since it began."""

    name: str
    process: DownloaderProcess
    channel: aio_pika.abc.AbstractChannel
    queue: aio_pika.abc.AbstractQueue
    http: httpx.AsyncClient
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def pid(self, name: str) -> str:
        return f"{self.name}/{name}"

    async def get(self, pid: str, location: str = "", **more: Any) -> httpx.Response:
        return await self.http.get(data_path(self.pid(pid), location), **more)

    async def publish(self, *events: Event) -> None:
        exchange = await self.channel.get_exchange(topology.EVENTS)
        for event in events:
            body = event.model_dump_json().encode()
            message = aio_pika.Message(
                body, message_id=str(uuid.uuid4()), correlation_id=f"test-{event.key}"
            )
            await exchange.publish(message, routing_key=event.key)

    async def register(
        self, pid: str, files: list[File], *, version: int = 1, public: bool = True,
        folder: str | None = "d",
    ) -> None:  # fmt: skip
        """Publishes a dataset as ingest does: the record, then its file list in parts."""
        events = self.registration_events(pid, files, version=version, public=public, folder=folder)
        await self.publish(*events)
        if version == 1:
            full = self.pid(pid)
            await self.wait_until(lambda: [e for e in self.events if e[1].get("pid") == full])

    def registration_events(
        self, pid: str, files: list[File], *, version: int = 1, public: bool = True,
        folder: str | None = "d",
    ) -> list[Event]:  # fmt: skip
        pid, place = self.pid(pid), f"{self.name}/{folder}" if folder else None
        place = folder if folder and folder.startswith("/") else place
        digest = files_digest(files)
        summary = FileSummary(
            count=len(files), bytes=sum(f.size or 0 for f in files), digest=digest
        )
        dataset = Dataset(
            pid=pid, name=pid, title=pid, profile="human-organs", created=CREATED,
            is_public=public, folder=place, files=summary,
        )  # fmt: skip
        parts = [files[i : i + FILES_PER_PART] for i in range(0, len(files), FILES_PER_PART)] or [
            []
        ]
        return [
            DatasetRegistered(dataset=dataset, version=version),
            *(
                DatasetFilesListed(
                    pid=pid, version=version, digest=digest, folder=place, part=n,
                    parts=len(parts), files=tuple(part),
                )
                for n, part in enumerate(parts)
            ),
        ]  # fmt: skip

    async def request(self, pid: str, *locations: str, request_id: str | None = None) -> str:
        request_id = request_id or str(uuid.uuid4())
        event = DownloadRequested(
            request_id=request_id, pid=self.pid(pid), locations=locations or None
        )
        await self.publish(event)
        return request_id

    def published(self, key: str, **having: Any) -> list[dict[str, Any]]:
        return [
            body
            for event_key, body in self.events
            if event_key == key and all(body.get(n) == v for n, v in having.items())
        ]

    def availability(self, pid: str) -> list[str]:
        """Returns the published availabilities of a dataset, in order."""
        events = self.published("dataset.availability.v1", pid=self.pid(pid))
        return [event["availability"] for event in events]

    async def wait_until(self, condition: Callable[[], Any], seconds: float = 60) -> None:
        """Receives events until the condition holds."""
        async with asyncio.timeout(seconds):
            while not condition():
                await self.receive()
                await asyncio.sleep(0.05)

    async def receive(self) -> None:
        while (message := await self.queue.get(no_ack=True, fail=False, timeout=60)) is not None:
            self.events.append((message.routing_key or "", json.loads(message.body)))

    async def final_event(self, request: str) -> dict[str, Any]:
        """Waits for the final event of a request and returns it."""
        ends = ("download.ready.v1", "download.failed.v1")
        await self.wait_until(
            lambda: [b for e in ends for b in self.published(e, request_id=request)]
        )
        return next(b for e in ends for b in self.published(e, request_id=request))

    async def wait_idle(self) -> None:
        """Waits until all events are consumed and their consequences published."""
        depths = [
            topology.queue_name("downloader", e) for e in (DatasetRegistered, DatasetFilesListed)
        ]
        async with asyncio.timeout(60):
            while True:
                queues = [await self.channel.declare_queue(d, passive=True) for d in depths]
                waiting = sum(q.declaration_result.message_count or 0 for q in queues)
                status = await self.status()
                if not waiting and status.get("pending") == 0 == status.get("outbox"):
                    break
                await asyncio.sleep(0.1)
        await self.receive()

    async def rows(self, collection: str) -> list[dict[str, Any]]:
        """Returns all rows of a collection; for a downloader started by the test."""
        settings = Settings.model_validate(
            {
                "mongo_url": self.process.environment["PORTAL_MONGO_URL"],
                "database_prefix": self.process.environment["PORTAL_DATABASE_PREFIX"],
            }
        )
        client = mongo.connect(settings)
        try:
            found = mongo.database(client, settings, "downloader")[collection].find({})
            return [row async for row in found]
        finally:
            client.close()

    async def status(self) -> dict[str, Any]:
        return await self.read_operator_route("/status", exact=True)

    async def read_operator_route(self, path: str, **query: Any) -> dict[str, Any]:
        """Returns what a route for operators answers."""
        url = self.process.operator_url + path
        answer = await self.http.get(url, headers=HEADERS, params=query)
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def isolated_environment(rabbitmq_node: RabbitNode, mongo_server: str) -> Generator[dict[str, str]]:
    """A virtual host with its queues, and databases, as variables of a downloader."""
    with virtual_host(rabbitmq_node) as url:
        settings = isolated_settings(url, mongo_server)
        asyncio.run(declare_bus(settings, "downloader", "gateway"))
        yield {
            **QUICK,
            "PORTAL_AMQP_URL": url,
            "PORTAL_MONGO_URL": mongo_server,
            "PORTAL_DATABASE_PREFIX": settings.database_prefix,
            "PORTAL_RETRY_DELAYS": json.dumps(settings.retry_delays),
        }


@asynccontextmanager
async def connect(
    environment: dict[str, str], process: DownloaderProcess, tape: TapeArchive
) -> AsyncGenerator[DownloaderClient]:
    connection = await aio_pika.connect(environment["PORTAL_AMQP_URL"])
    channel = await connection.channel()
    queue = await channel.declare_queue(exclusive=True)
    for key in ("dataset.availability.v1", "download.*.v1"):
        await queue.bind(topology.EVENTS, routing_key=key)
    async with plain_http.async_client(process.url, timeout=30) as client:
        yield DownloaderClient(tape.name, process, channel, queue, client)
    await connection.close()


StartDownloader: TypeAlias = Callable[..., Awaitable[DownloaderClient]]
StartTape: TypeAlias = Callable[..., TapeArchive]
