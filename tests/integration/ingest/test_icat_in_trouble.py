"""ICAT killed and restarted at random while datasets are registered: each is there once, whole.

PORTAL_TEST_REGISTRATIONS says how many; a run of the whole suite does with fewer than a thousand.
"""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import icat
import pytest
from portal_local.launcher.ports import free_port
from portal_local.launcher.processes import Child

from .conftest import Ingest, start_icat
from .test_ingest_jobs import dataset

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.timeout(1800)]
REGISTRATIONS = int(os.environ.get("PORTAL_TEST_REGISTRATIONS", "120"))
A_JOB = 20


class Mortal:
    def __init__(self, folder: Path) -> None:
        self._folder, self.port = folder, free_port()
        self._child: Child = start_icat(folder, self.port)
        self.deaths = 0

    def die_and_rise(self) -> None:
        self._child.kill()
        self.deaths += 1
        self._child = start_icat(self._folder, self.port)

    def stop(self) -> None:
        self._child.stop()


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Mortal]:
    found = Mortal(tmp_path)
    yield found
    found.stop()


@pytest.fixture
def icat_url(mortal: Mortal) -> str:
    return f"http://127.0.0.1:{mortal.port}"


async def test_icat_killed_at_random_leaves_each_dataset_once_and_whole(
    ingest: Ingest, mortal: Mortal, icat_url: str
) -> None:
    chance = random.Random(7)  # noqa: S311  # instants, no secrets
    jobs = REGISTRATIONS // A_JOB
    for number in range(jobs):
        names = [f"d{number * A_JOB + n:05d}" for n in range(A_JOB)]
        await ingest.send(_job(f"j{number}", [dataset(name) for name in names]))
    answering = asyncio.create_task(_answers(ingest, jobs))
    while not answering.done() and mortal.deaths < max(3, jobs // 5):
        await asyncio.sleep(chance.uniform(0.5, 4))
        await asyncio.to_thread(mortal.die_and_rise)
    answers = await answering
    results = Counter(o.result for answer in answers for o in answer.outcomes)
    assert results == {"registered": REGISTRATIONS}
    client = icat.Client(icat_url)
    client.autoLogout = False
    client.login("simple", {"username": "ingest", "password": "ingest"})
    names = client.search("SELECT o.name FROM Dataset o WHERE o.complete = TRUE")
    assert sorted(names) == [f"d{n:05d}" for n in range(REGISTRATIONS)]
    for bean, each in (("DatasetParameter", 3), ("DatasetInstrument", 1), ("DatasetTechnique", 1)):
        counted = client.search(f"SELECT COUNT(o) FROM {bean} o")  # noqa: S608  # our names
        assert counted == [REGISTRATIONS * each]
    assert mortal.deaths >= 1


def _job(job_id: str, datasets: list[dict[str, Any]]) -> bytes:
    return json.dumps({"version": 1, "job_id": job_id, "datasets": datasets}).encode()


async def _answers(ingest: Ingest, count: int) -> list[Any]:
    found: list[Any] = []
    while len(found) < count:
        try:
            found.append(await ingest.answer())
        except TimeoutError:
            continue
    return found
