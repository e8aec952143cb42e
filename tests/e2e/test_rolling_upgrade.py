"""Services are replaced one after another under load: readers see no error, nothing is lost.

Skipped unless PORTAL_KILLS is set (`make kills`). PORTAL_UPGRADE_FROM is the interpreter of the
environment of an earlier release, whose replicas then run beside those of this one; without it
both are of this one.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.drivers import plain_http
from tests.drivers.instance import Portal, until
from tests.drivers.process import ServerProcess
from tests.drivers.services.replicas import check_records, running_replicas

EARLIER = os.environ.get("PORTAL_UPGRADE_FROM", "")
LIMIT = os.environ.get("PORTAL_KILLS_RECORDS", "40")
PATHS = ("/api/Datasets?filter={%22limit%22:5}", "/api/Documents/count", "/api/Instruments")

pytestmark = [
    pytest.mark.skipif(
        not os.environ.get("PORTAL_KILLS"), reason="takes minutes; run it with: make kills"
    ),
    pytest.mark.timeout(7200),
]


class Reader:
    """Requests pages all the time, from the gateways that are in service."""

    def __init__(self, *urls: str) -> None:
        self._urls = set(urls)
        self._lock = threading.Lock()
        self._has_ended = threading.Event()
        self.answers = 0
        self.errors: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def retire(self, url: str) -> None:
        """Takes a gateway out of service, as a load balancer does before it ends."""
        with self._lock:
            self._urls.discard(url)

    def add(self, url: str) -> None:
        with self._lock:
            self._urls.add(url)

    def stop(self) -> None:
        self._has_ended.set()
        self._thread.join(60)

    def _read(self) -> None:
        while not self._has_ended.wait(0.05):
            with self._lock:
                for url in self._urls:
                    for path in PATHS:
                        self._request(url + path)

    def _request(self, url: str) -> None:
        try:
            status = plain_http.get(url, timeout=60).status_code
        except httpx.TransportError as error:
            self.errors.append(f"{url}: {error!r}")
        else:
            self.answers += 1
            if status != httpx.codes.OK:
                self.errors.append(f"{url}: {status}")


@pytest.fixture
def earlier(small: Portal, tmp_path: Path) -> Iterator[dict[str, ServerProcess]]:
    """The replicas of the earlier release, which run."""
    with running_replicas(small, tmp_path, python=EARLIER) as made:
        yield made


def restart(portal: Portal, name: str) -> None:
    """Ends a service, which its supervisor starts again; returns when it is ready."""
    before = portal.instance()["services"][name]
    os.kill(before["pid"], signal.SIGTERM)

    def is_ready() -> bool:
        now = portal.instance()["services"][name]
        if now["restarts"] == before["restarts"]:
            return False
        with contextlib.suppress(httpx.TransportError):
            answer = plain_http.get(f"{portal.part(name)}/health/ready", timeout=30)
            return answer.status_code == httpx.codes.OK
        return False

    until(is_ready, 240)


def test_an_upgrade_under_load_is_not_noticed(
    small: Portal, earlier: dict[str, ServerProcess]
) -> None:
    which = ["import", "hoa", "--no-files", "--limit", LIMIT]
    command = [sys.executable, "-m", "portal_cli.main", *which, "--data", str(small.data)]
    reader = Reader(small.url, earlier["gateway"].url)
    sending = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for name, old in earlier.items():
        if name == "gateway":
            reader.retire(small.url)
        restart(small, name)
        if name == "gateway":
            reader.add(small.url)
            reader.retire(old.url)
        old.stop()
    assert sending.wait(1800) == 0
    small.done("wait", "--timeout", "1800", timeout=1900)
    reader.stop()
    assert not reader.errors
    sys.stdout.write(f"{check_records(small)}; {reader.answers} answers to readers\n")
