"""A scheduler runs in one replica at a time; another takes over when it ends or is killed."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from portal_shared.messaging import topology
from portal_shared.runtime import mongo
from portal_shared.runtime.errors import Unavailable
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


async def test_the_topology_is_declared_again_and_again_while_the_broker_is_away() -> None:
    nowhere = Settings.model_validate({"amqp_url": "amqp://guest:guest@127.0.0.1:1/"})
    with pytest.raises(Unavailable, match="RabbitMQ"):
        await topology.declare_patiently(nowhere, pauses=(0.0, 0.0))
    assert sum(topology.PAUSES) > 300
