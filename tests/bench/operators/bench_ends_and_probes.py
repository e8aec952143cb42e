"""What operators wait for: the end of each service after SIGTERM, and probes while all is away.

The services of an instance of the portal end idle, and while the Atlas is imported and READERS
search, ROUNDS times each. For the probes each runs alone, without broker, database and search
engine.
"""

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from portal_local.launcher.processes import is_running

from tests.drivers import plain_http
from tests.drivers.instance import Portal, started, until
from tests.drivers.process import ServerProcess

ROUNDS = 3
REQUESTS = 50
LONGEST_SECONDS = 60
SERVICES = ("gateway", "downloader", "indexer", "doi", "ingest")  # the import ends meanwhile
READERS = 4
PROBES = ("/health", "/health/live", "/health/ready", "/health/startup")
AWAY = {
    "PORTAL_AMQP_URL": "amqp://guest:guest@127.0.0.1:1/",
    "PORTAL_MONGO_URL": "mongodb://127.0.0.1:1/",
    "PORTAL_MEILISEARCH_URL": "http://127.0.0.1:1",
}


def ended(portal: Portal, name: str) -> float:
    """Seconds from SIGTERM to the end of a service; it is ready again when this returns."""
    before = portal.instance()["services"][name]
    began = time.monotonic()
    os.kill(before["pid"], signal.SIGTERM)
    while is_running(before["pid"]):
        assert time.monotonic() - began < LONGEST_SECONDS, "it does not end, or its id is another's"
        time.sleep(0.005)
    seconds = time.monotonic() - began

    def is_ready() -> bool:
        now = portal.instance()["services"][name]
        if now["restarts"] == before["restarts"]:
            return False
        try:
            return plain_http.get(f"{now['url']}/health/ready", timeout=30).status_code == 200
        except httpx.TransportError:
            return False

    until(is_ready, 180)
    return seconds


@contextmanager
def readers(portal: Portal) -> Generator[None]:
    """Searches all the time, with READERS at once; what fails while a service restarts is left."""
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            with contextlib.suppress(httpx.HTTPError):
                plain_http.get(f"{portal.url}/api/Datasets", timeout=30)

    threads = [threading.Thread(target=read, daemon=True) for _ in range(READERS)]
    for one in threads:
        one.start()
    try:
        yield
    finally:
        over.set()
        for one in threads:
            one.join(60)


def print_ends(portal: Portal, when: str) -> None:
    for name in SERVICES:
        took = sorted(ended(portal, name) for _ in range(ROUNDS))
        print(f"{name:12}{when:14}" + "".join(f"{one:8.2f}" for one in took) + " s")


def test_ends(tmp_path: Path) -> None:
    portal = started(tmp_path)
    try:
        print(f"\nSIGTERM to the end; load {os.getloadavg()[0]:.0f}")
        print_ends(portal, "idle")
        command = [sys.executable, "-m", "portal_cli.main", "import", "hoa", "--no-files",
                   "--data", str(portal.data)]  # fmt: skip
        sending = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: portal.status()["services"]["ingest"].get("pending"), 120)
        with readers(portal):
            print_ends(portal, "under load")
        print(f"load {os.getloadavg()[0]:.0f}; the import runs: {sending.poll() is None}")
        sending.terminate()
        sending.wait(60)
    finally:
        portal.run("down")


@pytest.mark.parametrize("name", SERVICES)
def test_probes_while_all_is_away(name: str, tmp_path: Path) -> None:
    arguments = ("-m", "uvicorn", "--factory", f"portal_{name}.app:build", "--no-access-log")
    server = ServerProcess(name, *arguments, folder=tmp_path, environment=AWAY)
    server.start()
    try:
        took: list[float] = []
        with plain_http.client(server.url, timeout=30) as client:
            until(lambda: client.get("/health/ready").status_code == 503)
            for _ in range(REQUESTS):
                for probe in PROBES:
                    began = time.perf_counter()
                    client.get(probe)
                    took.append((time.perf_counter() - began) * 1000)
                time.sleep(0.05)  # over some looks at what is away
        used = statistics.quantiles(took, n=20)
        print(
            f"\n{name:12}probes: p50 {used[9]:6.1f} p95 {used[18]:6.1f} highest {max(took):6.1f} ms"
            f"; load {os.getloadavg()[0]:.0f}"
        )
    finally:
        server.stop()
