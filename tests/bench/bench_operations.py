"""Counts the downloader's database commands: while datasets are registered, and at rest."""

import asyncio
import contextlib
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import aio_pika
import httpx
import pytest
from portal_downloader.app import build
from portal_downloader.settings import DownloaderSettings
from portal_shared.contracts.events import DatasetFilesListed, DatasetRegistered
from portal_shared.contracts.records import Dataset, File, FileSummary, files_digest
from portal_shared.messaging import topology
from portal_shared.runtime import mongo
from pymongo import monitoring

DATASETS, A_SECOND, REST = 100, 5.0, 20
OURS = ("find", "insert", "update", "delete", "findAndModify", "aggregate", "distinct", "count",
        "commitTransaction", "getMore")  # fmt: skip


class Counting(monitoring.CommandListener):
    """Commands by collection, of one database."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in OURS:
            self.seen[f"{event.command.get(event.command_name)}.{event.command_name}"] += 1

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Of no interest."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Likewise."""

    def take(self) -> Counter[str]:
        taken, self.seen = self.seen, Counter()
        return taken


LISTENER = Counting()
monitoring.register(LISTENER)


@pytest.fixture
def settings(amqp_url: str, mongo_server: str, tmp_path: Path) -> DownloaderSettings:
    made = DownloaderSettings.model_validate(
        {
            "amqp_url": amqp_url,
            "mongo_url": mongo_server,
            "database_prefix": f"operations-{uuid.uuid4().hex[:8]}_",
            "cache_dir": str(tmp_path / "cache"),
            "log_level": "WARNING",
        }
    )
    asyncio.run(topology.declare(made))
    return made


@contextlib.asynccontextmanager
async def running(settings: DownloaderSettings) -> AsyncIterator[None]:
    app = build(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://d") as client,
    ):
        while (await client.get("/health")).status_code != httpx.codes.OK:
            await asyncio.sleep(0.2)
        yield


def events(number: int) -> tuple[DatasetRegistered, DatasetFilesListed]:
    pid = f"d/{number}"
    files = [File(name=f"{n}.bin", size=9, sha256=f"{number:032x}{n:032x}") for n in range(3)]
    digest = files_digest(files)
    dataset = Dataset(
        pid=pid, name=pid, title=pid, profile="human-organs", is_public=True, folder=f"f/{number}",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        files=FileSummary(count=3, bytes=27, digest=digest),
    )  # fmt: skip
    listed = DatasetFilesListed(
        pid=pid, version=1, digest=digest, folder=f"f/{number}", part=0, parts=1, files=tuple(files)
    )
    return DatasetRegistered(dataset=dataset, version=1), listed


async def test_operations(settings: DownloaderSettings) -> None:
    connection = await aio_pika.connect(settings.amqp_url.get_secret_value())
    exchange = await (await connection.channel()).get_exchange(topology.EVENTS)
    async with running(settings):
        LISTENER.take()
        for number in range(DATASETS):
            for event in events(number):
                message = aio_pika.Message(
                    event.model_dump_json().encode(), message_id=uuid.uuid4().hex
                )
                await exchange.publish(message, routing_key=event.key)
            await asyncio.sleep(1 / A_SECOND)
        client = mongo.connect(settings)
        rows = mongo.database(client, settings, "downloader")["datasets"]
        while await rows.count_documents({"availability": "ARCHIVED"}) < DATASETS:
            await asyncio.sleep(1)
        client.close()
        print_commands(
            f"{DATASETS} datasets registered, {A_SECOND:.0f} a second", LISTENER.take(), DATASETS
        )
        await asyncio.sleep(3)
        LISTENER.take()
        await asyncio.sleep(REST)
        print_commands(f"{REST} s at rest", LISTENER.take(), REST)
    await connection.close()


def print_commands(what: str, seen: Counter[str], each: int) -> None:
    print(f"\n{what}: {seen.total()} commands, {seen.total() / each:.1f} each")
    for name, count in seen.most_common(25):
        print(f"  {count:5} {name}")
