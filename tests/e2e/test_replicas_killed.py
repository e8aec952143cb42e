"""Two replicas of every service, killed at random while records come in: each is there once.

Skipped unless PORTAL_KILLS is set (`make kills`). PORTAL_SEED repeats a failed run,
PORTAL_KILLS_RECORDS limits the documents.
"""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drivers.instance import Portal, killed
from tests.drivers.process import ServerProcess
from tests.drivers.services.replicas import SERVICES, check_records, running_replicas

KILLS = int(os.environ.get("PORTAL_KILLS", "0"))
SEED = int(os.environ.get("PORTAL_SEED", str(time.time_ns() % 10**6)))
LIMIT = os.environ.get("PORTAL_KILLS_RECORDS", "40")

pytestmark = [
    pytest.mark.skipif(not KILLS, reason="takes minutes; run it with: make kills"),
    pytest.mark.timeout(7200),
]


@pytest.fixture
def second(small: Portal, tmp_path: Path) -> Iterator[dict[str, ServerProcess]]:
    """The second replicas, which run."""
    with running_replicas(small, tmp_path) as made:
        yield made


def test_every_record_is_there_once_whichever_replicas_are_killed(
    small: Portal, second: dict[str, ServerProcess]
) -> None:
    sys.stdout.write(f"PORTAL_SEED={SEED}\n")
    chance = random.Random(SEED)  # noqa: S311  # to be repeated
    which = ["import", "hoa", "--no-files", "--limit", LIMIT]
    command = [sys.executable, "-m", "portal_cli.main", *which, "--data", str(small.data)]
    sending = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    victims: Counter[str] = Counter()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.1, 2))
        name = chance.choice(SERVICES)
        if chance.random() < 1 / 2:
            killed(small, name)
        else:
            second[name].kill()
            second[name].start(180)
            name = second[name].name
        victims[name] += 1
    sending.wait(1800)
    small.done(*which, timeout=1800)  # who sent it may have given up
    small.done("wait", "--timeout", "1800", timeout=1900)
    sys.stdout.write(f"{KILLS} kills: {check_records(small)}; killed {dict(victims)}\n")
