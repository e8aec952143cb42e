# pyright: basic, reportOptionalSubscript=false
"""The version of a database's schema: migrations run once, go on after a crash, and never back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from portal_shared.runtime import mongo
from portal_shared.runtime.errors import Conflict, Unavailable
from portal_shared.runtime.schema import LEASE, Migration, Schema
from portal_shared.runtime.settings import Settings
from portal_shared.service.app import Service


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[mongo.Database]:
    client = mongo.connect(settings)
    yield mongo.database(client, settings, "doi")
    client.close()


class Steps:
    """Two migrations that add a field each; the second fails so many times."""

    def __init__(self, failures: int = 0) -> None:
        self.runs: list[str] = []
        self.failures = failures
        self.migrations = (Migration(2, "a", self._add_a), Migration(3, "b", self._add_b))

    async def _add_a(self, database: mongo.Database) -> None:
        self.runs.append("a")
        await database["rows"].update_many({}, {"$set": {"a": 1}})

    async def _add_b(self, database: mongo.Database) -> None:
        self.runs.append("b")
        await asyncio.sleep(0.05)  # others look meanwhile
        if self.failures:
            self.failures -= 1
            raise OSError("interrupted")
        await database["rows"].update_many({}, {"$set": {"b": 1}})


async def version(database: mongo.Database) -> int:
    return (await database["schema"].find_one({}))["version"]


async def test_a_new_database_has_the_version_of_the_code(database: mongo.Database) -> None:
    steps = Steps()
    await Schema(database, steps.migrations).prepare()
    assert (await version(database), steps.runs) == (3, [])


async def test_replicas_run_each_migration_of_an_old_database_once(
    database: mongo.Database,
) -> None:
    await database["rows"].insert_one({"_id": 1})
    steps = Steps()
    await asyncio.gather(*(Schema(database, steps.migrations).prepare() for _ in range(4)))
    assert (await version(database), steps.runs) == (3, ["a", "b"])
    assert await database["rows"].find_one({}) == {"_id": 1, "a": 1, "b": 1}


async def test_an_interrupted_migration_is_run_again_and_those_before_it_are_not(
    database: mongo.Database,
) -> None:
    await database["rows"].insert_one({"_id": 1})
    steps = Steps(failures=1)
    with pytest.raises(OSError, match="interrupted"):
        await Schema(database, steps.migrations).prepare()
    assert await version(database) == 2
    await Schema(database, steps.migrations).prepare()
    assert (await version(database), steps.runs) == (3, ["a", "b", "b"])


async def test_a_replica_that_lost_the_lease_stops_its_migration(
    database: mongo.Database,
) -> None:
    """It was paused for longer than the lease, and another replica goes on."""
    await database["rows"].insert_one({"_id": 1})
    has_begun, ended = asyncio.Event(), asyncio.Event()

    async def endless(_: mongo.Database) -> None:
        has_begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    slow = Schema(database, [Migration(2, "a", endless)], lease=timedelta(seconds=0.2))
    running = asyncio.create_task(slow.prepare())
    await has_begun.wait()
    other = {"owner": "another", "until": datetime.now(UTC) + timedelta(hours=1)}
    await database["leases"].update_one({"_id": LEASE}, {"$set": other})
    with pytest.raises(Unavailable, match="another replica"):
        await asyncio.wait_for(running, 30)
    assert ended.is_set()
    assert await version(database) == 1
    row = await database["leases"].find_one({"_id": LEASE})
    assert row["owner"] == "another"


async def test_a_long_migration_keeps_its_lease(database: mongo.Database) -> None:
    await database["rows"].insert_one({"_id": 1})

    async def until() -> datetime:
        return (await database["leases"].find_one({"_id": LEASE}))["until"]

    async def long(_: mongo.Database) -> None:
        first = await until()
        while await until() == first:
            await asyncio.sleep(0.02)

    migrations = [Migration(2, "a", long)]
    async with asyncio.timeout(30):
        await Schema(database, migrations, lease=timedelta(seconds=0.4)).prepare()
    assert await version(database) == 2
    assert await database["leases"].find_one({"_id": LEASE}) is None


async def test_a_release_older_than_the_database_refuses_and_states_what_to_do(
    database: mongo.Database,
) -> None:
    steps = Steps()
    await Schema(database, steps.migrations).prepare()
    with pytest.raises(Conflict, match="has version 3 of its schema, and this release knows 1"):
        await Schema(database).prepare()


async def test_a_service_does_not_start_on_a_newer_database(
    settings: Settings, database: mongo.Database
) -> None:
    await database["schema"].insert_one({"_id": "schema", "version": 99})
    service = Service("doi", settings)
    steps: list[str] = []

    async def step() -> None:
        steps.append("prepared")

    service.add_start_step(step)
    async with asyncio.timeout(60), service.running():
        while "version 99" not in str(service.probes.find("startup")):
            await asyncio.sleep(0.05)
        assert not service.probes.is_prepared
    assert steps == []


def test_a_gap_in_the_list_of_migrations_is_an_error(database: mongo.Database) -> None:
    with pytest.raises(ValueError, match="not"):
        Schema(database, [Migration(3, "b", Steps().migrations[1].run)])
