# pyright: basic
"""A backup while records are published, restored into an empty instance: nothing is missing."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128, ObjectId
from portal_cli.backup import archive, databases
from portal_cli.backup.archive import DamagedArchive
from portal_shared.runtime import mongo
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.settings import Settings

from tests.builders import dataset_part, document_part, job
from tests.drivers import portal as portal_driver
from tests.drivers.search.engine import StandIn
from tests.drivers.servers import RabbitNode, isolated_settings, virtual_host
from tests.drivers.services import ingest as ingest_driver
from tests.drivers.services.ingest import Broker

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
JOBS = 24


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def silent(_line: str) -> None:
    """Nobody reads it."""


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[mongo.Client]:
    client = mongo.connect(settings)
    yield client
    client.close()


@pytest.fixture
def empty(rabbitmq_node: RabbitNode, mongo_server: str) -> Iterator[Settings]:
    """The settings of another instance, without any data."""
    with virtual_host(rabbitmq_node) as url:
        yield isolated_settings(url, mongo_server)


async def fill(client: mongo.Client, settings: Settings, count: int = 3) -> list[mongo.Doc]:
    """Stores identifiers with values of all kinds, and a row in every other database."""
    rows: list[mongo.Doc] = [
        {"_id": f"p{n}", "a": [n, 1.5, None, True], "b": ObjectId(), "c": Decimal128("1.10")}
        for n in range(count)
    ]
    await mongo.database(client, settings, "doi")["identifiers"].insert_many(rows)
    for name, collections in databases.OF_RECORDS.items():
        if name != "doi":
            row = {"_id": 1, "text": "x" * 1000}
            await mongo.database(client, settings, name)[collections[0]].insert_one(row)
    return rows


async def test_all_databases_come_back_as_they_were_the_registry_first(
    settings: Settings, empty: Settings, client: mongo.Client, tmp_path: Path
) -> None:
    rows = await fill(client, settings)
    path = tmp_path / "portal.tar.gz"
    manifest = await databases.back_up(settings, path, silent)
    assert manifest.parts[0].name == "doi/identifiers/000000.bson"
    assert {part.database for part in manifest.parts} == set(databases.DATABASES)
    assert path.stat().st_mode & 0o077 == 0
    restored = await databases.restore(empty, path, silent)
    assert restored.counts() == manifest.counts()
    found = mongo.database(client, empty, "doi")["identifiers"].find({}).sort("_id", 1)
    assert [row async for row in found] == rows


async def test_a_collection_is_written_in_parts(
    settings: Settings,
    empty: Settings,
    client: mongo.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(databases, "PART_BYTES", 300)
    await fill(client, settings, count=50)
    path = tmp_path / "portal.tar.gz"
    manifest = await databases.back_up(settings, path, silent)
    assert len([p for p in manifest.parts if p.collection == "identifiers"]) > 10
    await databases.restore(empty, path, silent)
    assert await mongo.database(client, empty, "doi")["identifiers"].count_documents({}) == 50


async def test_an_instance_with_records_is_refused_by_name(
    settings: Settings, client: mongo.Client, tmp_path: Path
) -> None:
    await fill(client, settings)
    path = tmp_path / "portal.tar.gz"
    await databases.back_up(settings, path, silent)
    with pytest.raises(databases.NotEmpty, match=r"doi' has documents in 'identifiers'"):
        await databases.restore(settings, path, silent)


async def test_a_damaged_or_cut_archive_restores_nothing(
    settings: Settings, empty: Settings, client: mongo.Client, tmp_path: Path
) -> None:
    await fill(client, settings)
    path = tmp_path / "portal.tar.gz"
    await databases.back_up(settings, path, silent)
    whole = path.read_bytes()
    middle = len(whole) // 2
    for content in (
        whole[:middle],
        whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        b"no archive",
    ):
        path.write_bytes(content)
        with pytest.raises(DamagedArchive):
            await databases.restore(empty, path, silent)
    assert not [
        n for n in await client.list_database_names() if n.startswith(empty.database_prefix)
    ]


async def test_a_database_that_is_away_is_unavailable_and_leaves_no_file(tmp_path: Path) -> None:
    nowhere = Settings.model_validate({"mongo_url": "mongodb://127.0.0.1:1/"})
    with pytest.raises(Unavailable):
        await databases.back_up(nowhere, tmp_path / "portal.tar.gz", silent)
    assert files(tmp_path) == []


def test_an_archive_that_is_not_finished_has_no_name(tmp_path: Path) -> None:
    path = tmp_path / "portal.tar.gz"
    with (
        pytest.raises(OSError, match="full"),
        archive.new_archive(path, archive.Manifest("1", "", is_snapshot=False)),
    ):
        raise OSError("full")
    assert files(tmp_path) == []


async def send(broker: Broker, number: int, **more: Any) -> None:
    document, dataset = document_part(f"D{number}"), dataset_part(f"d{number}")
    await broker.send(job(dataset, document=document, **{"job_id": f"j{number}", **more}))


async def test_nothing_is_missing_after_a_backup_under_load(
    settings: Settings, empty: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "portal.tar.gz"
    with ingest_driver.running_icat(tmp_path) as icat:
        (tmp_path / "first").mkdir()
        (tmp_path / "second").mkdir()
        first = ingest_driver.running_ingest(settings, icat.url, tmp_path / "first")
        async with first as ingest:
            for number in range(JOBS // 2):
                await send(ingest.broker, number)
            await ingest.broker.answer()
            load = asyncio.gather(*(send(ingest.broker, n) for n in range(JOBS // 2, JOBS)))
            manifest = await databases.back_up(settings, path, silent)
            await load
            for _ in range(JOBS - 1):
                assert (await ingest.broker.answer()).result == "done"
        assert manifest.counts()["ingest.jobs"] >= 1
        await databases.restore(empty, path, silent)
        engine = StandIn(tmp_path / "search")
        engine.start()
        try:
            await check_restored(empty, icat.url, engine.url, tmp_path / "second")
        finally:
            engine.stop()


async def check_restored(settings: Settings, icat_url: str, search_url: str, folder: Path) -> None:
    """Starts services on the restored databases, goes on as the runbook says, and counts."""
    async with (
        portal_driver.running(settings, (search_url, "")) as portal,
        ingest_driver.running_ingest(settings, icat_url, folder) as ingest,
    ):
        for number in range(JOBS):  # what was registered since is in ICAT, so it is taken over
            await send(ingest.broker, number, job_id=f"again{number}", take_over=True)
        for _ in range(JOBS):
            answer = await ingest.broker.answer()
            assert answer.result == "done", answer
        (await ingest.http.post("/republish")).raise_for_status()
        await ingest.all_events()
        pids = sorted(f"d{n}" for n in range(JOBS))
        async with asyncio.timeout(120):
            while sorted(await portal.pids("/api/Datasets", filter={"limit": 100})) != pids:
                await asyncio.sleep(0.2)
        status = (await ingest.http.get("/status", params={"exact": True})).json()
        assert status["datasets"] == JOBS
