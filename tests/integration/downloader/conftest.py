"""The downloader in a process of its own, on a real broker, database and a tape simulator."""

import asyncio
import hashlib
import json
import random
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aio_pika
import httpx
import pytest
import uvicorn
from aiosmtpd.controller import Controller
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from portal_gateway import app as gateway_app
from portal_gateway.settings import GatewaySettings
from portal_local.launcher.ports import free_port, listens, wait_until
from portal_local.launcher.processes import Child
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
from portal_shared.service.app import Service

from tests.integration.downloader.keeping import kept

__all__ = ["kept"]  # a fixture of these tests

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


class Tape:
    """A tape archive over a folder, with its knobs; each test has a folder of its own in it."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.archive, self.folder = folder / "archive", folder
        self.name = ""  # of the test's folder
        self._options = options
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.http = httpx.Client(base_url=self.url, timeout=30)
        self.start()

    def start(self) -> None:
        command = [
            *(sys.executable, "-m", "portal_local.tape", "--port", str(self._port)),
            *("--archive", str(self.archive), "--buffer", str(self.folder / "buffer")),
            *self._options,
        ]
        self.child = Child("tape", command, log=self.folder / "tape.log", environment={})
        wait_until(lambda: listens(self._port), self.child, 60)

    def stop(self) -> None:
        self.http.close()
        self.child.stop()

    def belong_to(self, name: str) -> None:
        """To a new test: what others left behind is no more."""
        self.name = name
        self.http.delete("/_faults").raise_for_status()
        self.http.delete("/_calls").raise_for_status()

    def write(self, path: str, size: int = 3000) -> File:
        """A file on tape, described as a file of a dataset whose folder it lies in."""
        content = random.Random(f"{self.name}/{path}").randbytes(size)  # noqa: S311
        target = self.archive / self.name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return File(name=target.name, size=size, sha256=hashlib.sha256(content).hexdigest())

    def described(self, name: str, content: bytes) -> File:
        """A file that lies elsewhere."""
        return File(name=name, size=len(content), sha256=hashlib.sha256(content).hexdigest())

    def listed(self, path: str) -> list[File]:
        """All files below a folder that others wrote, as those of a dataset."""
        folder = self.archive / self.name / path
        found: list[File] = []
        for file in sorted(f for f in folder.rglob("*") if f.is_file()):
            body, place = file.read_bytes(), str(file.parent.relative_to(folder))
            found.append(
                File(
                    name=file.name,
                    path=None if place == "." else place,
                    size=len(body),
                    sha256=hashlib.sha256(body).hexdigest(),
                )
            )
        return found

    def content(self, path: str) -> bytes:
        return (self.archive / self.name / path).read_bytes()

    def fault(self, *, path: str | None = None, **fault: Any) -> None:
        where = {"path": f"/{self.name}/{path}"} if path else {}
        self.http.post("/_faults", json={**fault, **where}).raise_for_status()

    @property
    def recalls(self) -> dict[str, int]:
        """How often each of the test's files was read from tape."""
        counted: dict[str, int] = self.http.get("/_calls").json()["recalls"]
        start = f"/{self.name}/"
        return {p.removeprefix(start): n for p, n in counted.items() if p.startswith(start)}

    @property
    def stage_requests(self) -> int:
        counted: int = self.http.get("/_calls").json()["stage_requests"]
        return counted


class Process:
    """A downloader that can be killed and started again."""

    def __init__(
        self, folder: Path, environment: dict[str, str], *, started_by: Sequence[str] = ()
    ) -> None:
        self.cache = folder / "cache"
        self._started_by = started_by
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "downloader.log"
        self.environment = {**environment, "PORTAL_CACHE_DIR": str(self.cache)}
        self.start()

    def start(self) -> None:
        command = [*self._started_by,
                   sys.executable, "-m", "uvicorn", "--factory", "portal_downloader.app:build",
                   "--port", str(self.port), "--no-access-log"]  # fmt: skip
        self.child = Child("downloader", command, log=self._log, environment=self.environment)
        wait_until(self._is_healthy, self.child, 60)

    def stop(self) -> None:
        """The one that runs now, whichever that is."""
        self.child.stop()

    def _is_healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


@dataclass
class Downloader:
    """One test's view of it: pids and folders of its own, and what was said since it began."""

    name: str
    process: Process
    channel: aio_pika.abc.AbstractChannel
    said: aio_pika.abc.AbstractQueue
    http: httpx.AsyncClient
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def pid(self, name: str) -> str:
        return f"{self.name}/{name}"

    async def get(self, pid: str, location: str = "", **more: Any) -> httpx.Response:
        return await self.http.get(data_path(self.pid(pid), location), **more)

    async def say(self, *events: Event) -> None:
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
        """As ingest says it: the record, then the list of its files in parts."""
        said = self.events_of(pid, files, version=version, public=public, folder=folder)
        await self.say(*said)
        if version == 1:
            full = self.pid(pid)
            await self.until(lambda: [e for e in self.events if e[1].get("pid") == full])

    def events_of(
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

    async def ask(self, pid: str, *locations: str, request: str | None = None) -> str:
        made = request or str(uuid.uuid4())
        asked = DownloadRequested(request_id=made, pid=self.pid(pid), locations=locations or None)
        await self.say(asked)
        return made

    def told(self, key: str, **having: Any) -> list[dict[str, Any]]:
        return [
            body
            for said, body in self.events
            if said == key and all(body.get(n) == v for n, v in having.items())
        ]

    def availability(self, pid: str) -> list[str]:
        """All that was said of it, in turn."""
        told = self.told("dataset.availability.v1", pid=self.pid(pid))
        return [t["availability"] for t in told]

    async def until(self, condition: Callable[[], Any], seconds: float = 60) -> None:
        """Hear until it is so; the limit is for the broken, not for the slow."""
        async with asyncio.timeout(seconds):
            while not condition():
                await self.hear()
                await asyncio.sleep(0.05)

    async def hear(self) -> None:
        while (message := await self.said.get(no_ack=True, fail=False)) is not None:
            self.events.append((message.routing_key or "", json.loads(message.body)))

    async def ended(self, request: str) -> dict[str, Any]:
        """The last word on a request."""
        ends = ("download.ready.v1", "download.failed.v1")
        await self.until(lambda: [b for e in ends for b in self.told(e, request_id=request)])
        return next(b for e in ends for b in self.told(e, request_id=request))

    async def until_idle(self) -> None:
        """Everything said was heard, and what follows from it was said."""
        depths = [
            topology.queue_name("downloader", e) for e in (DatasetRegistered, DatasetFilesListed)
        ]
        async with asyncio.timeout(60):
            while True:
                queues = [await self.channel.declare_queue(d, passive=True) for d in depths]
                waiting = sum(q.declaration_result.message_count or 0 for q in queues)
                told = await self.status()
                if not waiting and not told["pending"] and not told["outbox"]:
                    break
                await asyncio.sleep(0.1)
        await self.hear()

    async def rows(self, collection: str) -> list[dict[str, Any]]:
        """All that it remembers of one kind: of a downloader of the test's own."""
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
        told: dict[str, Any] = (await self.http.get("/status")).json()
        return told


@contextmanager
def own_environment(
    rabbitmq_node: tuple[str, str | None], mongo_server: str
) -> Iterator[dict[str, str]]:
    """A virtual host and databases that nobody else uses."""
    url, management = rabbitmq_node
    name = f"downloader-{uuid.uuid4().hex[:8]}"
    if management is not None:
        with httpx.Client(base_url=management, timeout=20) as client:
            client.put(f"/api/vhosts/{name}").raise_for_status()
            everything = {"configure": ".*", "write": ".*", "read": ".*"}
            user = httpx.URL(url).username
            client.put(f"/api/permissions/{name}/{user}", json=everything).raise_for_status()
        url = f"{url.rstrip('/')}/{name}"
    settings = Settings.model_validate({"amqp_url": url, "retry_delays": (0.2, 0.4)})
    asyncio.run(topology.declare(settings))
    yield {
        **QUICK,
        "PORTAL_AMQP_URL": url,
        "PORTAL_MONGO_URL": mongo_server,
        "PORTAL_DATABASE_PREFIX": f"{name}_",
        "PORTAL_RETRY_DELAYS": "[0.2, 0.4]",
    }
    if management is not None:
        httpx.delete(f"{management}/api/vhosts/{name}", timeout=90)


@pytest.fixture(scope="session")
def environment(
    rabbitmq_node: tuple[str, str | None], mongo_server: str
) -> Iterator[dict[str, str]]:
    """For all tests here that share one downloader."""
    with own_environment(rabbitmq_node, mongo_server) as made:
        yield made


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tape]:
    simulator = Tape(
        tmp_path_factory.mktemp("tape"), "--mount", "2", "--seek", "4", "--speed-factor", "100"
    )
    yield simulator
    simulator.stop()


@pytest.fixture(scope="session")
def process(
    environment: dict[str, str], archive: Tape, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("downloader")
    made = Process(folder, {**environment, "PORTAL_TAPE_URL": archive.url})
    yield made
    made.child.stop()


@pytest.fixture
def tape(archive: Tape) -> Tape:
    archive.belong_to(uuid.uuid4().hex[:8])
    return archive


@pytest.fixture
async def downloader(
    environment: dict[str, str], process: Process, tape: Tape
) -> AsyncIterator[Downloader]:
    async with _view(environment, process, tape) as made:
        yield made


@asynccontextmanager
async def _view(
    environment: dict[str, str], process: Process, tape: Tape
) -> AsyncIterator[Downloader]:
    connection = await aio_pika.connect(environment["PORTAL_AMQP_URL"])
    channel = await connection.channel()
    said = await channel.declare_queue(exclusive=True)
    for key in ("dataset.availability.v1", "download.*.v1"):
        await said.bind(topology.EVENTS, routing_key=key)
    async with httpx.AsyncClient(base_url=process.url, timeout=30) as client:
        yield Downloader(tape.name, process, channel, said, client)
    await connection.close()


@pytest.fixture
def tapes(tmp_path: Path) -> Iterator[Callable[..., Tape]]:
    """Makes archives of the test's own, with manners of their own."""
    made: list[Tape] = []

    def another(*options: str) -> Tape:
        folder = tmp_path / f"archive{len(made)}"
        folder.mkdir()
        quick = ("--mount", "2", "--seek", "4", "--speed-factor", "100")
        made.append(Tape(folder, *quick, *options))
        return made[-1]

    yield another
    for tape in made:
        tape.stop()


@pytest.fixture
async def alone(
    rabbitmq_node: tuple[str, str | None], mongo_server: str, tape: Tape, tmp_path: Path
) -> AsyncIterator[Callable[..., Any]]:
    """Makes a downloader of the test's own, with settings of its own."""
    async with AsyncExitStack() as stack:

        async def made(*, started_by: Sequence[str] = (), **settings: str) -> Downloader:
            own = own_environment(rabbitmq_node, mongo_server)
            environment = await asyncio.to_thread(own.__enter__)  # it has a loop of its own
            stack.push(own.__exit__)
            named = {f"PORTAL_{name.upper()}": value for name, value in settings.items()}
            told = {**environment, "PORTAL_TAPE_URL": tape.url, **named}
            process = Process(tmp_path, told, started_by=started_by)
            stack.callback(process.stop)
            return await stack.enter_async_context(_view(environment, process, tape))

        yield made


class Mailbox:
    """A mail server that keeps what it is given."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.port = free_port()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(envelope)
        return "250 kept"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox()
    controller = Controller(made, hostname="127.0.0.1", port=made.port)
    controller.start()
    yield made
    controller.stop()


class Gateway:
    """The gateway's part in downloads, as an application of its own on a real socket."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.service = Service("gateway", settings)
        self.settings = settings
        self.catalogue = mongo.database(self.service.client, settings, "catalogue")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.dois: dict[str, list[dict[str, str]]] = {}
        self.found: dict[str, list[str]] = {}  # pids by the words of a search

    def app(self) -> FastAPI:
        @asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
            async with self.service.running():
                yield

        app = self.service.app(FastAPI(lifespan=lifespan))
        app.state.service = self.service
        gateway_app.add_downloads(app, self.service, self.catalogue, self.settings)
        gateway_app.add_error_handlers(app)

        @app.get("/api/Datasets")
        async def search(query: str, request: Request) -> list[dict[str, str]]:
            most: int = json.loads(request.query_params["filter"])["limit"]
            return [{"pid": pid} for pid in self.found[query][:most]]

        @app.get("/api/records/{pid:path}/citation")
        async def cite(pid: str, request: Request) -> Response:
            if request.query_params["format"] == "text":
                return PlainTextResponse(f"Someone (2026). {pid}.\n")
            return JSONResponse({"DOI": f"10.1234/{pid}"})

        @app.get("/doi/{doi:path}")
        async def doi(doi: str) -> JSONResponse:
            found = self.dois.get(doi)
            return JSONResponse({"doi": doi, "records": found}, 200 if found else 404)

        return app

    async def index(self, pid: str, files: list[File], folder: str | None = "x") -> None:
        """As the indexer keeps it."""
        summary = {"count": len(files), "bytes": sum(f.size or 0 for f in files)}
        record = {"pid": pid, "folder": folder, "files": summary}
        await self.catalogue["datasets"].insert_one({"_id": pid, "public": True, "record": record})
        rows = [{"pid": pid, "location": f.location, "size": f.size} for f in files]
        if rows:
            await self.catalogue["files"].insert_many(rows)

    async def offer(self, downloader: "Downloader", files: list[File], name: str = "p") -> str:
        """A dataset that the downloader and everybody know; its pid."""
        await downloader.register(name, files)
        pid = downloader.pid(name)
        await self.index(pid, files)
        return pid


@pytest.fixture
async def gateway(
    environment: dict[str, str], process: Process, tape: Tape, mailbox: "Mailbox"
) -> AsyncIterator[Gateway]:
    settings = GatewaySettings.model_validate(
        {
            "amqp_url": environment["PORTAL_AMQP_URL"],
            "mongo_url": environment["PORTAL_MONGO_URL"],
            "database_prefix": environment["PORTAL_DATABASE_PREFIX"],
            "retry_delays": (0.2, 0.4),
            "downloader_url": process.url,
            "smtp_host": "127.0.0.1",
            "smtp_port": mailbox.port,
            "webhook_private": True,
            "notice_pause": 0.1,
            "most_notices_a_day": 20,
            "most_downloads_waiting": 12,
        }
    )
    made = Gateway(settings)
    config = uvicorn.Config(made.app(), port=made.port, log_level="warning", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(30):
        while not server.started or await made.service.failing_checks():
            await asyncio.sleep(0.05)
    yield made
    server.should_exit = True
    await serving
