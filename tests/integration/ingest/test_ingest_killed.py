"""ingest itself killed, as a process, by a signal that it cannot hear: nothing is lost or twice."""

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import icat
import pytest
from portal_local.launcher.ports import free_port, wait_until
from portal_local.launcher.processes import Child
from portal_shared.contracts.jobs import JobAnswer
from portal_shared.runtime.settings import Settings

from .conftest import Ends, Ingest
from .test_ingest_jobs import catalogue, dataset, job

__all__ = ["catalogue"]  # a fixture
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.timeout(900)]
JOBS, A_JOB, DEATHS = 6, 8, 4


class Replica:
    """A process that is ingest; killed, it comes back at another port."""

    def __init__(self, log: Path, environment: dict[str, str]) -> None:
        self._log, self._environment = log, environment
        self.start()

    def start(self) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "uvicorn", "--factory", "portal_ingest.app:build",
                   "--port", str(port), "--log-level", "warning"]  # fmt: skip
        self.child = Child("ingest", command, log=self._log, environment=self._environment)
        wait_until(self._is_up, self.child, 60)

    def _is_up(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/health", timeout=5).is_success
        return False

    def die_and_rise(self) -> None:
        self.child.kill()
        self.start()


@pytest.fixture
def replicas(settings: Settings, icat_url: str, tmp_path: Path) -> Iterator[Callable[[], Replica]]:
    made: list[Replica] = []
    environment = {
        "PORTAL_AMQP_URL": settings.amqp_url.get_secret_value(),
        "PORTAL_MONGO_URL": settings.mongo_url.get_secret_value(),
        "PORTAL_DATABASE_PREFIX": settings.database_prefix,
        "PORTAL_ICAT_URL": icat_url,
        "PORTAL_JOB_LEASE": "3",
        "PORTAL_LOG_LEVEL": "WARNING",
    }

    def another() -> Replica:
        made.append(Replica(tmp_path / f"ingest{len(made)}.log", environment))
        return made[-1]

    yield another
    for one in made:
        one.child.stop()


@pytest.fixture
async def sender(ends: Ends, tmp_path: Path) -> AsyncIterator[Ingest]:
    """Who sends jobs and hears what is said, whoever runs meanwhile."""
    async with httpx.AsyncClient() as client:
        yield Ingest(None, client, *ends, tmp_path)


async def test_two_replicas_killed_at_random_register_each_dataset_once(
    sender: Ingest, replicas: Callable[[], Replica], catalogue: icat.Client
) -> None:
    chance = random.Random(11)  # noqa: S311  # instants, no secrets
    there = [replicas(), replicas()]
    for number in range(JOBS):
        names = [f"d{number}-{n}" for n in range(A_JOB)]
        document = {**job("x")["document"], "name": f"doc{number}"}
        sent = job(f"j{number}", *map(dataset, names), document=document)
        await sender.send(json.dumps(sent).encode())
    answering = asyncio.create_task(_answers(sender))
    deaths = 0
    while deaths < DEATHS:
        await asyncio.sleep(chance.uniform(0.1, 1))
        await asyncio.to_thread(chance.choice(there).die_and_rise)
        deaths += 1
    answers = await answering
    assert {a.result for a in answers.values()} == {"done"}
    told = Counter(o.result for a in answers.values() for o in a.outcomes)
    assert told == {"registered": JOBS * (A_JOB + 1)}
    assert {o.version for a in answers.values() for o in a.outcomes} == {1}
    wanted = sorted(f"d{number}-{n}" for number in range(JOBS) for n in range(A_JOB))
    rows = catalogue.search("SELECT o.name FROM Dataset o WHERE o.complete = TRUE")
    assert sorted(rows) == wanted
    assert catalogue.search("SELECT COUNT(o) FROM DatasetParameter o") == [len(wanted) * 3]
    for name in wanted:
        said = await sender.said("dataset.registered.v1", name, 1)
        assert said["dataset"]["icat_id"]


async def _answers(sender: Ingest) -> dict[str, JobAnswer]:
    """One of each job; one that comes again is the same."""
    found: dict[str, JobAnswer] = {}
    while len(found) < JOBS:
        with suppress(TimeoutError):
            one = await sender.answer()
            assert found.setdefault(one.job_id, one) == one
    return found


async def test_an_embargo_that_ends_while_ingest_is_killed_ends_when_it_is_back(
    sender: Ingest, replicas: Callable[[], Replica]
) -> None:
    only = replicas()
    until = datetime.now(UTC) + timedelta(seconds=6)
    body: dict[str, Any] = job("j1", dataset("a", release_date=until.isoformat()))
    assert (await sender.do(body)).result == "done"
    first = await sender.said("dataset.registered.v1", "a", 1)
    assert first["dataset"]["is_public"] is False
    only.child.kill()
    while datetime.now(UTC) < until + timedelta(seconds=1):
        await asyncio.sleep(0.1)
    assert not [b for _, b in sender.seen if b.get("version") == 2]
    await asyncio.to_thread(only.start)
    second = await sender.said("dataset.registered.v1", "a", 2)
    assert second["dataset"]["is_public"] is True
    assert second["history"][1]["kind"] == "released"
