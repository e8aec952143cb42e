"""A service as process 1 of its PID namespace, as in a container, with and without an init."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from portal_shared.runtime.settings import Settings

from tests.drivers.process import ServerProcess, service_process
from tests.drivers.servers import declare_bus

NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
GRACE_SECONDS = 40.0  # of docker-compose.yml; the chart has 60
INIT = """
import os, signal, sys
child = os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
while True:
    process, status = os.wait()
    if process == child:
        sys.exit(os.waitstatus_to_exitcode(status) % 256)
"""  # what tini does
PREFIXES = {"alone": (), "init": (sys.executable, "-Ec", INIT)}


@pytest.fixture(params=PREFIXES)
def first(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """What comes before the command of the service."""
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here")
    if subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no PID namespace may be made here")
    return (*NAMESPACE, *PREFIXES[request.param])


@contextlib.contextmanager
def running(settings: Settings, folder: Path, prefix: Sequence[str]) -> Iterator[ServerProcess]:
    environment = {
        "PORTAL_AMQP_URL": settings.amqp_url.get_secret_value(),
        "PORTAL_MONGO_URL": settings.mongo_url.get_secret_value(),
        "PORTAL_DATABASE_PREFIX": settings.database_prefix,
    }
    server = service_process("doi", folder=folder, environment=environment, prefix=prefix)
    server.start()
    yield server
    server.stop()


def _children(process: int) -> list[int]:
    listed = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(one) for one in listed.split()]


def test_it_ends_in_order_within_the_grace(
    settings: Settings, tmp_path: Path, first: tuple[str, ...]
) -> None:
    asyncio.run(declare_bus(settings, "doi"))
    with running(settings, tmp_path, first) as server:
        [process] = _children(server.pid)
        os.kill(process, signal.SIGTERM)
        end = time.monotonic() + GRACE_SECONDS
        while server.is_running:
            assert time.monotonic() < end, server.log.read_text()[-3000:]
            time.sleep(0.05)
        log = server.log.read_text()
    assert '"event": "ending"' in log
    assert "Application shutdown complete" in log
    assert "Traceback" not in log
