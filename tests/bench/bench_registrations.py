"""DOIs registered at a DataCite that takes 50 ms for each call: what limits the rate?

PORTAL_BENCH_REGISTRATIONS (10 000) and PORTAL_BENCH_PARALLELISM (4) change its size. The ideal is
parallelism / latency; the baseline is the rate of bare calls of the same adapter in the same run.
If as many calls are under way as allowed, the service is not the limit, however slow the machine.
The driver counts database commands, for storing a record's intent and for registering it.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from portal_doi.datacite import DataCite
from portal_doi.domain.desired import meant
from portal_doi.minting.reconciler import Minting
from portal_doi.settings import DoiSettings
from portal_doi.store.clock import Clock
from portal_doi.store.intent_writer import Keeping
from portal_doi.store.leases import Claims
from portal_doi.store.rate_limit import Pace
from portal_doi.store.registry import Registry
from portal_doi.store.relations import Relations
from portal_local.launcher.ports import free_port, listens, wait_until
from portal_local.launcher.processes import Child
from portal_shared.contracts.records import Dataset, Member, Person
from portal_shared.messaging.outbox import Outbox
from portal_shared.runtime import mongo
from portal_shared.runtime.settings import Settings
from pymongo import monitoring

LATENCY = 0.05
COUNT = int(os.environ.get("PORTAL_BENCH_REGISTRATIONS", "10000"))
PARALLELISM = int(os.environ.get("PORTAL_BENCH_PARALLELISM", "4"))
BARE = 400
PREFIX = "10.5072"
JANE = Member(person=Person(id="jane", full_name="Jane Doe", first_name="Jane", last_name="Doe"))


def record(number: int) -> Dataset:
    pid = f"volume-{number:05d}"
    return Dataset(
        pid=pid, name=pid, title=f"Volume {number}", profile="human-organs",
        created=datetime(2021, 3, 4, tzinfo=UTC), members=(JANE,), keywords=("kidney", "HiP-CT"),
    )  # fmt: skip


@pytest.fixture
def datacite_url(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "portal_local.datacite", "--port", str(port),
               "--data", str(tmp_path), "--latency", str(LATENCY)]  # fmt: skip
    child = Child("datacite", command, log=tmp_path / "log", environment={})
    wait_until(lambda: listens(port), child, 60)
    yield f"http://127.0.0.1:{port}"
    child.stop()


class Commands(monitoring.CommandListener):
    """Counts commands; `take` returns the count since its last call."""

    def __init__(self) -> None:
        self._count = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self._count += event.command_name != "hello"

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass

    def take(self) -> int:
        count, self._count = self._count, 0
        return count


class UnderWay:
    """How long calls to DataCite were under way, of all of them together."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._seconds = 0.0
        self._lock = threading.Lock()
        send = requests.Session.send

        def timed(session: requests.Session, *args: Any, **kwargs: Any) -> requests.Response:
            started = time.perf_counter()
            try:
                return send(session, *args, **kwargs)
            finally:
                with self._lock:
                    self._seconds += time.perf_counter() - started

        patch.setattr(requests.Session, "send", timed)

    def take(self) -> float:
        seconds, self._seconds = self._seconds, 0.0
        return seconds


@dataclass
class Parts:
    registry: Registry
    datacite: DataCite
    minting: Minting


@asynccontextmanager
async def service(settings: DoiSettings) -> AsyncIterator[Parts]:
    """The doi service without its bus: the events were consumed before."""
    client = mongo.connect(settings)
    database = mongo.database(client, settings, "doi")
    clock = Clock(database)
    registry = Registry(client, database, Outbox(database, "doi"), clock)
    await registry.prepare()
    datacite = DataCite(settings)
    relations = Relations(registry, quiet=1, patience=1)
    pace = Pace(database, clock, rate=settings.datacite_rate, burst=settings.datacite_burst)
    minting = Minting(
        Claims(registry),
        relations,
        datacite,
        pace,
        site_url=settings.site_url,
        parallelism=settings.parallelism,
    )
    yield Parts(registry, datacite, minting)
    datacite.close()
    client.close()


async def bare(parts: Parts) -> float:
    """Calls a second of the adapter alone, as many at a time."""
    row = {
        "_id": "bare", "version": 1, "level": "dataset", "withdrawn": None, "hold": None,
        "registered_at": None, "changed_at": None, "year": 2026,
        "record": record(0).model_dump(mode="json"),
    }  # fmt: skip
    now = datetime.now(UTC)
    started = time.perf_counter()
    await asyncio.gather(
        *(
            parts.datacite.put(
                meant({**row, "own": f"{PREFIX}/bare-{n}"}, [], site_url="http://portal.example",
                      now=now, stands=None)
            )
            for n in range(BARE)
        )
    )  # fmt: skip
    return BARE / (time.perf_counter() - started)


async def counted(url: str) -> dict[str, int]:
    async with httpx.AsyncClient(base_url=url) as client:
        calls: dict[str, int] = (await client.get("/_calls")).json()["calls"]
    return calls


async def test_registrations_are_limited_by_the_calls_that_may_be_under_way(
    settings: Settings, datacite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    doi_settings = DoiSettings(
        mongo_url=settings.mongo_url,
        database_prefix=settings.database_prefix,
        site_url="http://portal.example",
        datacite_url=datacite_url,
        datacite_prefix=PREFIX,
        datacite_rate=4
        * PARALLELISM
        / LATENCY,  # a limit that never applies, so that taking a token is measured too
        parallelism=PARALLELISM,
    )
    commands = Commands()
    monitoring.register(commands)  # of clients made from here on
    under_way = UnderWay(monkeypatch)
    async with service(doi_settings) as parts:
        alone = await bare(parts)
        commands.take()
        keeping = Keeping(parts.registry, prefix=PREFIX)
        for start in range(0, COUNT, 100):
            batch = range(start, min(start + 100, COUNT))
            await asyncio.gather(*(keeping.intent(record(n), 1) for n in batch))
        intent_commands = commands.take()
        under_way.take()
        started, cpu = time.perf_counter(), time.process_time()
        while await parts.minting.step():
            pass
        seconds, burnt = time.perf_counter() - started, time.process_time() - cpu
        registration_commands, busy = commands.take(), under_way.take()
        found = (await parts.registry.counts())["identifiers"]
        calls = await counted(datacite_url)
    assert found["minted"] == COUNT
    assert calls["PUT /dois/{doi}"] == COUNT + BARE
    rate, ideal = COUNT / seconds, PARALLELISM / LATENCY
    print(f"\n{COUNT} registrations, {PARALLELISM} calls at a time, {LATENCY * 1000:g} ms each")
    print(f"  ideal (parallelism / latency)   {ideal:8.1f} /s")
    print(f"  bare calls of the adapter       {alone:8.1f} /s  {alone / ideal:5.2f} of the ideal")
    print(f"  the service                     {rate:8.1f} /s  {rate / ideal:5.2f} of the ideal")
    print(f"  calls under way, on average     {busy / seconds:8.2f}")
    print(f"  CPU of the service              {1000 * burnt / COUNT:8.2f} ms a registration")
    print(f"  commands to the database        {intent_commands / COUNT:8.2f} a stored intent")
    print(f"                                  {registration_commands / COUNT:8.2f} a registration")
