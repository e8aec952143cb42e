"""ingest killed with SIGKILL while it runs jobs: nothing is lost and nothing happens twice."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import icat
import pytest
from portal_shared.contracts.jobs import JobAnswer
from portal_shared.runtime.settings import Settings

from tests.builders import dataset_part, document_part, job
from tests.drivers.process import ServerProcess, service_process
from tests.drivers.services.ingest import Broker

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.timeout(900)]
JOBS, DATASETS_PER_JOB, KILLS = 6, 8, 4


@pytest.fixture
def start_replica(
    settings: Settings, icat_url: str, tmp_path: Path
) -> Iterator[Callable[[], ServerProcess]]:
    replicas: list[ServerProcess] = []
    environment = {
        "PORTAL_AMQP_URL": settings.amqp_url.get_secret_value(),
        "PORTAL_MONGO_URL": settings.mongo_url.get_secret_value(),
        "PORTAL_DATABASE_PREFIX": settings.database_prefix,
        "PORTAL_ICAT_URL": icat_url,
        "PORTAL_JOB_LEASE": "3",
        "PORTAL_LOG_LEVEL": "WARNING",
    }

    def start() -> ServerProcess:
        folder = tmp_path / f"replica{len(replicas)}"
        folder.mkdir()
        replica = service_process("ingest", folder=folder, environment=environment)
        replicas.append(replica)
        replica.start()
        return replica

    yield start
    for replica in replicas:
        replica.stop()


def kill_and_restart(replica: ServerProcess) -> None:
    replica.kill()
    replica.start()


async def test_two_replicas_killed_at_random_register_each_dataset_once(
    broker: Broker, start_replica: Callable[[], ServerProcess], catalogue: icat.Client
) -> None:
    chance = random.Random(11)  # noqa: S311  # not for secrets
    replicas = [start_replica(), start_replica()]
    for number in range(JOBS):
        names = [f"d{number}-{n}" for n in range(DATASETS_PER_JOB)]
        document = document_part(f"doc{number}")
        sent = job(*map(dataset_part, names), job_id=f"j{number}", document=document)
        await broker.send(sent)
    collection = asyncio.create_task(_answers(broker))
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0.1, 1))
        await asyncio.to_thread(kill_and_restart, chance.choice(replicas))
    answers = await collection
    assert {a.result for a in answers.values()} == {"done"}
    results = Counter(o.result for a in answers.values() for o in a.outcomes)
    assert results == {"registered": JOBS * (DATASETS_PER_JOB + 1)}
    assert {o.version for a in answers.values() for o in a.outcomes} == {1}
    names = sorted(f"d{number}-{n}" for number in range(JOBS) for n in range(DATASETS_PER_JOB))
    rows = catalogue.search("SELECT o.name FROM Dataset o WHERE o.complete = TRUE")
    assert sorted(rows) == names
    assert catalogue.search("SELECT COUNT(o) FROM DatasetParameter o") == [len(names) * 3]
    for name in names:
        body = await broker.published("dataset.registered.v1", name, 1)
        assert body["dataset"]["icat_id"]


async def _answers(broker: Broker) -> dict[str, JobAnswer]:
    """Returns the answer of each job; a repeated answer must be the same."""
    found: dict[str, JobAnswer] = {}
    while len(found) < JOBS:
        with suppress(TimeoutError):
            one = await broker.answer()
            assert found.setdefault(one.job_id, one) == one
    return found


async def _killed_during_embargo(broker: Broker, replica: ServerProcess) -> str:
    """Registers a dataset, kills ingest, and returns the dataset's name after its embargo ended.

    A busy machine may need longer than a short embargo: then another has a longer one.
    """
    for seconds in (6, 30, 120):
        name, until = f"a{seconds}", datetime.now(UTC) + timedelta(seconds=seconds)
        part = dataset_part(name, release_date=until.isoformat())
        assert (await broker.run(job(part, job_id=f"j{seconds}"))).result == "done"
        first = await broker.published("dataset.registered.v1", name, 1)
        replica.kill()
        is_in_time = datetime.now(UTC) < until
        while datetime.now(UTC) < until + timedelta(seconds=1):
            await asyncio.sleep(0.1)
        if is_in_time:
            assert first["dataset"]["is_public"] is False
            return name
        await asyncio.to_thread(replica.start)
    raise AssertionError("a job takes longer than any embargo")


async def test_an_embargo_that_ends_while_ingest_is_killed_ends_when_it_is_back(
    broker: Broker, start_replica: Callable[[], ServerProcess]
) -> None:
    replica = start_replica()
    name = await _killed_during_embargo(broker, replica)
    assert not [e for e in broker.received if e.is_of("dataset.registered.v1", name, 2)]
    await asyncio.to_thread(replica.start)
    second = await broker.published("dataset.registered.v1", name, 2)
    assert second["dataset"]["is_public"] is True
    assert second["history"][1]["kind"] == "released"
