"""What a second replica brings: time of the same work with one and with two of a service.

ingest and doi wait for ICAT and DataCite, which take a while for each call here, as they do in a
facility, and get small jobs, of which none is longer than the others. The indexer sends all its
records again, to an engine on the same machine, in batches small enough to be shared.
PORTAL_BENCH_JOBS sets the number of jobs.
"""

import asyncio
import os
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from portal_indexer.catalogue import Catalogue
from portal_indexer.settings import IndexerSettings
from portal_shared.runtime import mongo

from tests.bench.loads.small_jobs import Instance
from tests.drivers import plain_http
from tests.drivers.instance import Portal, started, until
from tests.drivers.process import ServerProcess
from tests.drivers.services.operators import HEADERS
from tests.drivers.services.replicas import replica

JOBS = int(os.environ.get("PORTAL_BENCH_JOBS", "120"))
ICAT_SECONDS, DATACITE_SECONDS = 0.1, 1.0  # of a call
ROUNDS = 3  # of the indexer
BATCH = 25  # records of the indexer at once
PATIENCE = 1800


@contextmanager
def simulator(name: str, folder: Path, *arguments: str) -> Generator[str]:
    """Runs a simulator; yields its URL."""
    data = ("--data", str(folder / name))
    (folder / name).mkdir()
    server = ServerProcess(
        name, "-m", f"portal_local.{name}", *data, *arguments, folder=folder, health="/health"
    )
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


@contextmanager
def running(
    folder: Path, patch: pytest.MonkeyPatch, *, icat: float = 0, datacite: float = 0
) -> Generator[Portal]:
    """Runs an instance whose ICAT and DataCite take this long (seconds) for a call."""
    account = ("--user", "DEMO.PORTAL", "--password", "demo", "--prefix", "10.5072")
    with ExitStack() as stack:
        patch.setenv(
            "PORTAL_ICAT_URL",
            stack.enter_context(
                simulator("icat", folder, "--user", "ingest:ingest", "--latency", str(icat))
            ),
        )
        patch.setenv("PORTAL_ICAT_USER", "ingest")
        patch.setenv("PORTAL_ICAT_PASSWORD", "ingest")
        patch.setenv(
            "PORTAL_DATACITE_URL",
            stack.enter_context(
                simulator("datacite", folder, *account, "--latency", str(datacite))
            ),
        )
        portal = started(folder / "portal")
        stack.callback(portal.run, "down")
        yield portal


def pending(portal: Portal, services: Sequence[str]) -> int:
    """Returns how much work waits, by the first replicas: all say the same."""
    count = 0
    for name in services:
        address = portal.instance()["services"][name]["operator_url"]
        answer = plain_http.get(f"{address}/status", headers=HEADERS, timeout=60)
        count += int(answer.raise_for_status().json().get("pending") or 0)
    return count


@contextmanager
def replicas(portal: Portal, name: str, count: int, folder: Path) -> Generator[None]:
    """Runs `count` - 1 more processes of a service."""
    with ExitStack() as stack:
        for _ in range(count - 1):
            made = replica(portal, name, folder)
            made.start(180)
            stack.callback(made.stop)
        yield


@pytest.mark.parametrize("name", ["ingest", "doi"])
@pytest.mark.parametrize("count", [1, 2])
def test_replicas_that_wait_for_others(
    name: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = {"icat": ICAT_SECONDS} if name == "ingest" else {"datacite": DATACITE_SECONDS}
    with (
        running(tmp_path, monkeypatch, **slow) as portal,
        replicas(portal, name, count, tmp_path),
    ):
        seconds = Instance(portal, {}).run(JOBS).seconds
        load = os.getloadavg()[0]
    print(f"\n{name:8} x {count}: {seconds:6.1f} s for {JOBS} jobs; load {load:.0f}")


def test_replicas_of_the_indexer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_BATCH", str(BATCH))
    with running(tmp_path, monkeypatch) as portal:
        Instance(portal, {}).run(4 * JOBS)
        for count in (1, 2, 1, 2):
            with replicas(portal, "indexer", count, tmp_path):
                took = [sent_again(portal) for _ in range(ROUNDS)]
            print(
                f"\nindexer  x {count}: {min(took):6.2f} ms a record; load {os.getloadavg()[0]:.0f}"
            )


def sent_again(portal: Portal) -> float:
    """Marks all records; returns the milliseconds for each until they are indexed."""
    process = portal.instance()["services"]["indexer"]["pid"]
    variables = Path(f"/proc/{process}/environ").read_text().rstrip("\0").split("\0")
    environment = dict(one.split("=", 1) for one in variables)
    settings = IndexerSettings.model_validate(
        {"mongo_url": environment["PORTAL_MONGO_URL"],
         "database_prefix": environment.get("PORTAL_DATABASE_PREFIX", "")}
    )  # fmt: skip

    async def mark() -> None:
        client = mongo.connect(settings)
        await Catalogue(mongo.database(client, settings, "catalogue")).mark_all()
        client.close()

    asyncio.run(mark())
    marked = pending(portal, ["indexer"])
    until(lambda: pending(portal, ["indexer"]) < marked, PATIENCE)  # nothing woke the indexer
    began, left = time.monotonic(), pending(portal, ["indexer"])
    until(lambda: not pending(portal, ["indexer"]), PATIENCE)
    return (time.monotonic() - began) / left * 1000
