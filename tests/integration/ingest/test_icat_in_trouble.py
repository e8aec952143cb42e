"""ICAT killed and restarted at random while datasets are registered: each is registered once.

PORTAL_TEST_REGISTRATIONS sets the number of datasets.
"""

import asyncio
import os
import random
from collections import Counter

import pytest
from portal_shared.contracts.jobs import JobAnswer

from tests.builders import dataset_part, job
from tests.drivers.process import ServerProcess
from tests.drivers.services.ingest import Ingest, icat_client

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.timeout(1800)]
REGISTRATIONS = int(os.environ.get("PORTAL_TEST_REGISTRATIONS", "120"))
DATASETS_PER_JOB = 20
MIN_KILLS = 3


def kill_and_restart(server: ServerProcess) -> None:
    server.kill()
    server.start()


async def test_icat_killed_at_random_has_each_dataset_once_and_complete(
    ingest: Ingest, icat_server: ServerProcess
) -> None:
    chance = random.Random(7)  # noqa: S311  # not for secrets
    jobs = REGISTRATIONS // DATASETS_PER_JOB
    for number in range(jobs):
        names = [f"d{number * DATASETS_PER_JOB + n:05d}" for n in range(DATASETS_PER_JOB)]
        body = job(*map(dataset_part, names), job_id=f"j{number}", document=None)
        await ingest.broker.send(body)
    kills = 0
    collection = asyncio.create_task(_answers(ingest, jobs))
    while not collection.done() and kills < max(MIN_KILLS, jobs // 5):
        await asyncio.sleep(chance.uniform(0.5, 4))
        await asyncio.to_thread(kill_and_restart, icat_server)
        kills += 1
    answers = await collection
    results = Counter(o.result for answer in answers for o in answer.outcomes)
    assert results == {"registered": REGISTRATIONS}
    with icat_client(icat_server.url) as client:
        names = client.search("SELECT o.name FROM Dataset o WHERE o.complete = TRUE")
        assert sorted(names) == [f"d{n:05d}" for n in range(REGISTRATIONS)]
        for bean, each in (
            ("DatasetParameter", 3),
            ("DatasetInstrument", 1),
            ("DatasetTechnique", 1),
        ):
            counted = client.search(f"SELECT COUNT(o) FROM {bean} o")  # noqa: S608  # our names
            assert counted == [REGISTRATIONS * each]
    assert kills >= 1


async def _answers(ingest: Ingest, count: int) -> list[JobAnswer]:
    found: list[JobAnswer] = []
    while len(found) < count:
        try:
            found.append(await ingest.broker.answer())
        except TimeoutError:
            continue
    return found
