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

from tests.drivers.instance import Portal, killed, started
from tests.drivers.process import ServerProcess
from tests.drivers.services.replicas import SERVICES, check_records, replica

KILLS = int(os.environ.get("PORTAL_KILLS", "0"))
SEED = int(os.environ.get("PORTAL_SEED", str(time.time_ns() % 10**6)))
LIMIT = os.environ.get("PORTAL_KILLS_RECORDS", "40")

pytestmark = [
    pytest.mark.skipif(not KILLS, reason="takes minutes; run it with: make kills"),
    pytest.mark.timeout(7200),
]


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    made = started(tmp_path)
    try:
        yield made
    finally:
        made.run("down")


@pytest.fixture
def second(portal: Portal, tmp_path: Path) -> Iterator[dict[str, ServerProcess]]:
    """The second replicas, which run."""
    made = {name: replica(portal, name, tmp_path) for name in SERVICES}
    try:
        for one in made.values():
            one.launch()
        for one in made.values():
            one.wait_ready(180)
        yield made
    finally:
        for one in made.values():
            one.stop()


def test_every_record_is_there_once_whichever_replicas_are_killed(
    portal: Portal, second: dict[str, ServerProcess]
) -> None:
    sys.stdout.write(f"PORTAL_SEED={SEED}\n")
    chance = random.Random(SEED)  # noqa: S311  # to be repeated
    which = ["import", "hoa", "--no-files", "--limit", LIMIT]
    command = [sys.executable, "-m", "portal_cli.main", *which, "--data", str(portal.data)]
    sending = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    victims: Counter[str] = Counter()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.1, 2))
        name = chance.choice(SERVICES)
        if chance.random() < 1 / 2:
            killed(portal, name)
        else:
            second[name].kill()
            second[name].start(180)
            name = second[name].name
        victims[name] += 1
    sending.wait(1800)
    portal.done(*which, timeout=1800)  # who sent it may have given up
    portal.done("wait", "--timeout", "1800", timeout=1900)
    sys.stdout.write(f"{KILLS} kills: {check_records(portal)}; killed {dict(victims)}\n")
