"""Rate of registrations at a DataCite that takes 50 ms for each call.

PORTAL_BENCH_REGISTRATIONS (10 000) and PORTAL_BENCH_PARALLELISM (4) change its size. The ideal is
parallelism / latency; the rate of bare calls of the same client in the same run is printed beside
it. If as many calls are open as allowed on average, the service is not the limit. Commands to the
database are counted by the driver, for writing an intent and for registering it.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpcore
import httpx
import pytest
from portal_doi.datacite import DataCite
from portal_doi.domain.desired import desired_registration
from portal_doi.domain.row import new_row
from portal_doi.minting.reconciler import Reconciler
from portal_doi.settings import DoiSettings
from portal_doi.store.clock import Clock
from portal_doi.store.intent_writer import IntentWriter
from portal_doi.store.leases import Leases
from portal_doi.store.operator_store import OperatorStore
from portal_doi.store.rate_limit import RateLimiter
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
    """Counts the commands since the last call of `take_count`."""

    def __init__(self) -> None:
        self._count = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self._count += event.command_name != "hello"

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass

    def take_count(self) -> int:
        count, self._count = self._count, 0
        return count


class OpenCalls:
    """Sums up how long calls to DataCite were open, without their wait for a connection."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._seconds = 0.0
        send = httpcore.AsyncHTTPConnection.handle_async_request

        async def timed(
            connection: httpcore.AsyncHTTPConnection, request: httpcore.Request
        ) -> httpcore.Response:
            started = time.perf_counter()
            try:
                return await send(connection, request)
            finally:
                self._seconds += time.perf_counter() - started

        patch.setattr(httpcore.AsyncHTTPConnection, "handle_async_request", timed)

    def take_seconds(self) -> float:
        """Return the sum since the last call."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds


@dataclass
class Parts:
    registry: Registry
    datacite: DataCite
    reconciler: Reconciler


@asynccontextmanager
async def service(settings: DoiSettings) -> AsyncIterator[Parts]:
    """The doi service without its bus."""
    client = mongo.connect(settings)
    database = mongo.database(client, settings, "doi")
    clock = Clock(database)
    registry = Registry(client, database, Outbox(database, "doi"), clock)
    await registry.prepare()
    datacite = DataCite(settings)
    relations = Relations(registry, quiet=1, patience=1)
    rate_limiter = RateLimiter(
        database, clock, rate=settings.datacite_rate, burst=settings.datacite_burst
    )
    reconciler = Reconciler(
        Leases(registry),
        relations,
        datacite,
        rate_limiter,
        site_url=settings.site_url,
        parallelism=settings.parallelism,
    )
    yield Parts(registry, datacite, reconciler)
    await datacite.close()
    client.close()


async def bare(parts: Parts) -> float:
    """Return the calls per second of the client alone, with the same concurrency."""
    now = datetime.now(UTC)
    row = replace(new_row("bare", now), version=1, record=record(0).model_dump(mode="json"))
    started = time.perf_counter()
    await asyncio.gather(
        *(
            parts.datacite.put(
                desired_registration(
                    replace(row, our_doi=f"{PREFIX}/bare-{n}"),
                    [],
                    site_url="http://portal.example",
                    now=now,
                    current_state=None,
                )
            )
            for n in range(BARE)
        )
    )
    return BARE / (time.perf_counter() - started)


async def count_calls(url: str) -> dict[str, int]:
    async with httpx.AsyncClient(base_url=url) as client:
        calls: dict[str, int] = (await client.get("/_calls")).json()["calls"]
    return calls


async def test_registrations_are_limited_by_the_number_of_open_calls(
    settings: Settings, datacite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    doi_settings = DoiSettings(
        mongo_url=settings.mongo_url,
        database_prefix=settings.database_prefix,
        site_url="http://portal.example",
        datacite_url=datacite_url,
        datacite_prefix=PREFIX,
        datacite_rate=4 * PARALLELISM / LATENCY,  # high enough not to be the limit
        parallelism=PARALLELISM,
    )
    commands = Commands()
    monitoring.register(commands)  # of clients made from here on
    open_calls = OpenCalls(monkeypatch)
    async with service(doi_settings) as parts:
        alone = await bare(parts)
        commands.take_count()
        writer = IntentWriter(parts.registry, prefix=PREFIX)
        for start in range(0, COUNT, 100):
            batch = range(start, min(start + 100, COUNT))
            await asyncio.gather(*(writer.write_registration(record(n), 1) for n in batch))
        writing = commands.take_count()
        open_calls.take_seconds()
        started, cpu = time.perf_counter(), time.process_time()
        while await parts.reconciler.step():
            pass
        seconds, burnt = time.perf_counter() - started, time.process_time() - cpu
        registering, busy = commands.take_count(), open_calls.take_seconds()
        found = (await OperatorStore(parts.registry).counts())["identifiers"]
        calls = await count_calls(datacite_url)
    assert found["minted"] == COUNT
    assert calls["PUT /dois/{doi}"] == COUNT + BARE
    rate, ideal = COUNT / seconds, PARALLELISM / LATENCY
    print(f"\n{COUNT} registrations, {PARALLELISM} calls at a time, {LATENCY * 1000:g} ms each")
    print(f"  ideal (parallelism / latency)   {ideal:8.1f} /s")
    print(f"  bare calls of the client        {alone:8.1f} /s  {alone / ideal:5.2f} of the ideal")
    print(f"  the service                     {rate:8.1f} /s  {rate / ideal:5.2f} of the ideal")
    print(f"  open calls, on average          {busy / seconds:8.2f}")
    print(f"  CPU of the service              {1000 * burnt / COUNT:8.2f} ms a registration")
    print(f"  commands to the database        {writing / COUNT:8.2f} an intent")
    print(f"                                  {registering / COUNT:8.2f} a registration")
