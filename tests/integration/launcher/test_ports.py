"""Ports that nothing else takes before its server listens, and servers that did start."""

import subprocess
import sys
from pathlib import Path

import pytest
from portal_local.launcher.ports import NotStarted, free_port, wait_until

from tests.integration.launcher.test_processes import start

CHOICE = """import random
from portal_local.launcher.ports import free_port
candidates = iter({candidates})
random.SystemRandom.randrange = lambda *_: next(candidates)
print(free_port())"""


@pytest.mark.skipif(sys.platform != "linux", reason="reservations are names of Linux")
def test_a_port_is_given_to_one_process_only() -> None:
    """Two instances that start at the same time chose the same port: one of them never ran."""
    taken, other = free_port(), free_port()
    script = CHOICE.format(candidates=[taken, taken, other, *range(20_000, 20_100)])
    chosen = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert int(chosen.stdout) in range(20_000, 20_100)


def test_a_server_that_stopped_is_not_ready_although_another_one_answers(tmp_path: Path) -> None:
    child = start(tmp_path, "raise SystemExit(1)")
    with pytest.raises(NotStarted, match="x stopped during its start"):
        wait_until(lambda: True, child, 60)
