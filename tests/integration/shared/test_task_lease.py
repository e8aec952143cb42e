"""A scheduler runs in one replica at a time; another takes over when it ends or is killed."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from portal_shared.runtime import mongo
from portal_shared.runtime.lease import TaskLease
from portal_shared.runtime.settings import Settings


@pytest.fixture
async def database(settings: Settings) -> AsyncGenerator[mongo.Database]:
    client = mongo.connect(settings)
    yield mongo.database(client, settings, "ingest")
    client.close()


async def test_one_replica_has_the_lease_until_it_ends(database: mongo.Database) -> None:
    first, second = TaskLease(database, "clock"), TaskLease(database, "clock")
    runs: list[str] = []

    async def work() -> bool:
        runs.append("ran")
        return True

    assert await first.limit(work)()
    assert not await second.limit(work)()
    assert await first.acquire()
    assert len(runs) == 1
    await first.release()
    assert await second.limit(work)()
    assert not await first.acquire()
    assert len(runs) == 2


async def test_an_expired_lease_goes_to_another_replica(database: mongo.Database) -> None:
    killed = TaskLease(database, "clock", duration=timedelta())
    assert await killed.acquire()
    assert await TaskLease(database, "clock").acquire()
    assert not await killed.acquire()


async def test_different_tasks_have_leases_of_their_own(database: mongo.Database) -> None:
    assert await TaskLease(database, "clock").acquire()
    assert await TaskLease(database, "sweep").acquire()
