"""Small jobs, of one document and one dataset each, through all processes of an instance.

PORTAL_BENCH_JOBS sets their number, PORTAL_BENCH_IDLE_SECONDS how long the instance is idle then.
"""

import asyncio
import json
import os
import time
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from portal_local.launcher import mongodb
from portal_shared.messaging import topology

from tests.bench.jobs.processes import Usage, usage_by_process
from tests.bench.loads.database_calls import DatabaseCalls, counting_proxy
from tests.drivers import plain_http
from tests.drivers.instance import Portal, started
from tests.drivers.services.operators import HEADERS

JOBS = int(os.environ.get("PORTAL_BENCH_JOBS", "1000"))
COUNTED_JOBS = 50  # whose calls of the database are counted
LAST_JOBS = 200  # whose rate is compared with that of all
WARM_JOBS = 20  # before the measurement: schemas are read, references are cached
IDLE_SECONDS = float(os.environ.get("PORTAL_BENCH_IDLE_SECONDS", "30"))
MAX_SECONDS = 3600
POLL_SECONDS = 2.0
PANET = "http://purl.org/pan-science/PaNET/PaNET01333"


def small_job(number: int) -> dict[str, Any]:
    """Returns a job with one document and one dataset, which nothing else refers to."""
    name = f"small-{number:06d}"
    person = {"person": {"id": f"p{number % 500}", "full_name": f"Ada Lovelace {number % 500}"}}
    dataset = {
        "name": name,
        "title": f"Overview of sample {number}",
        "created": "2021-09-26T00:00:00Z",
        "proposal": f"md{number % 100}",
        "instrument": {"pid": "ESRF-BM18", "name": "BM18", "facility": "ESRF"},
        "techniques": [{"pid": PANET, "name": "x-ray propagation phase contrast"}],
        "samples": [{"pid": f"s{number}", "name": f"sample {number}"}],
        "parameters": [
            {"name": "voxel_size", "value": 2 + number % 30, "unit": "um"},
            {"name": "organ", "value": "kidney"},
        ],
        "members": [person],
    }
    return {
        "version": 1,
        "job_id": str(uuid.uuid4()),
        "document": {"name": f"document-{name}", "title": f"Sample {number}", "members": [person]},
        "datasets": [dataset],
    }


@dataclass(frozen=True)
class Import:
    seconds: float  # until everything is indexed and in ICAT
    answered: list[float]  # seconds until each answer


class Instance:
    """A running instance, with the process ids and the addresses of its parts."""

    def __init__(self, portal: Portal, extra_pids: Mapping[str, int]) -> None:
        self.portal = portal
        facts = portal.instance()
        parts = {**facts["servers"], **facts["services"]}
        self.pids = {name: part["pid"] for name, part in parts.items()} | {**extra_pids}
        self.amqp_url = str(facts["amqp_url"])
        self.sent = 0

    def usage(self) -> dict[str, Usage]:
        return usage_by_process(self.pids)

    def run(self, count: int) -> Import:
        """Sends jobs and returns when all are answered and nothing waits any more."""
        begun = time.monotonic()
        answered = asyncio.run(self._answers(count))
        self._wait_until_idle()
        return Import(time.monotonic() - begun, answered)

    async def _answers(self, count: int) -> list[float]:
        connection = await aio_pika.connect(self.amqp_url)
        async with connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(exclusive=True)
            begun = time.monotonic()
            answered: list[float] = []
            everything = asyncio.Event()

            async def receive(answer: aio_pika.abc.AbstractIncomingMessage) -> None:
                assert json.loads(answer.body)["result"] == "done", answer.body[:500]
                answered.append(time.monotonic() - begun)
                if len(answered) == count:
                    everything.set()

            await queue.consume(receive, no_ack=True)
            for _ in range(count):
                body = json.dumps(small_job(self.sent)).encode()
                self.sent += 1
                message = aio_pika.Message(body, reply_to=queue.name)
                await channel.default_exchange.publish(message, routing_key=topology.JOBS)
            async with asyncio.timeout(MAX_SECONDS):
                await everything.wait()
            return answered

    def _wait_until_idle(self) -> None:
        end = time.monotonic() + MAX_SECONDS
        while not all(self._is_done(name) for name in ("ingest", "doi", "indexer")):
            assert time.monotonic() < end, "not everything is indexed"
            time.sleep(POLL_SECONDS)

    def _is_done(self, service: str) -> bool:
        url = f"{self.portal.part(service)}/status"
        status = plain_http.get(url, headers=HEADERS, timeout=60).json()
        known = {
            "ingest": lambda: status["documents"],
            "doi": lambda: status["identifiers"].get("minted", 0) // 2,
            "indexer": lambda: status["documents"],
        }[service]()
        return known >= self.sent and not status.get("pending") and not status.get("outbox")


@contextmanager
def instance(folder: Path, extra_pids: Mapping[str, int] | None = None) -> Generator[Instance]:
    portal = started(folder)
    try:
        yield Instance(portal, extra_pids or {})
    finally:
        portal.done("down")


def test_database_calls_of_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = mongodb.start(tmp_path / "mongodb")
    try:
        with counting_proxy(server.port) as (port, calls):
            url = server.url.replace(f":{server.port}/", f":{port}/")
            monkeypatch.setenv("PORTAL_MONGO_URL", url)
            with instance(tmp_path / "data", {"mongodb": server.child.pid}) as running:
                running.run(WARM_JOBS)
                calls.counts.clear()
                running.run(COUNTED_JOBS)
                print(f"\ncalls of the database for a job, of {COUNTED_JOBS} jobs")
                print_calls(calls, COUNTED_JOBS)
                time.sleep(IDLE_SECONDS)
                calls.counts.clear()
                time.sleep(IDLE_SECONDS)
                print(f"\ncalls of the database per second, idle for {IDLE_SECONDS:.0f} s")
                print_calls(calls, IDLE_SECONDS)
    finally:
        server.stop()


def print_calls(calls: DatabaseCalls, count: float) -> None:
    """Prints the number of calls, divided by `count`."""
    print(f"{'database':14}{'calls':>8}{'writes':>8}{'transactions':>14}")
    for database, numbers in sorted(calls.by_database().items()):
        cells = [numbers[kind] / count for kind in ("calls", "writes", "transactions")]
        print(f"{database:14}{cells[0]:8.2f}{cells[1]:8.2f}{cells[2]:14.2f}")
    print("\nthe most frequent")
    for (database, command, collection, is_in_transaction), number in calls.counts.most_common(60):
        mark = "in a transaction" if is_in_transaction else ""
        name = f"{database}.{collection}"
        print(f"{number / count:8.2f}  {command:20}{name:40}{mark}")


def test_processor_time_of_a_job(tmp_path: Path) -> None:
    with instance(tmp_path) as running:
        running.run(WARM_JOBS)
        before = running.usage()
        found = running.run(JOBS)
        after = running.usage()
        print_usage(before, after, JOBS)
        last = min(LAST_JOBS, JOBS // 2)
        last_seconds = found.answered[-1] - found.answered[-1 - last]
        print(f"{'answers, all jobs':28}{JOBS / found.answered[-1]:8.1f} jobs/s")
        print(f"{f'answers, the last {last}':28}{last / last_seconds:8.1f} jobs/s")
        print(f"{'until everything is indexed':28}{JOBS / found.seconds:8.1f} jobs/s")
        time.sleep(IDLE_SECONDS)
        idle = running.usage()
        time.sleep(IDLE_SECONDS)
        print_idle(idle, running.usage())


def print_usage(before: Mapping[str, Usage], after: Mapping[str, Usage], jobs: int) -> None:
    print(f"\n{jobs} jobs of one document and one dataset")
    print(f"{'process':14}{'CPU ms a job':>14}{'memory MB':>12}{'before':>10}")
    for name, usage in sorted(after.items(), key=lambda one: -one[1].cpu_seconds):
        cpu = (usage.cpu_seconds - before[name].cpu_seconds) * 1000 / jobs
        print(f"{name:14}{cpu:14.1f}{usage.memory_mb:12.0f}{before[name].memory_mb:10.0f}")
    cpu = sum(after[n].cpu_seconds - before[n].cpu_seconds for n in after) * 1000 / jobs
    memory, first = (sum(u.memory_mb for u in found.values()) for found in (after, before))
    print(f"{'all':14}{cpu:14.1f}{memory:12.0f}{first:10.0f}")


def print_idle(before: Mapping[str, Usage], after: Mapping[str, Usage]) -> None:
    print(f"\nidle for {IDLE_SECONDS:.0f} s: percent of one core")
    shares = {
        name: 100 * (usage.cpu_seconds - before[name].cpu_seconds) / IDLE_SECONDS
        for name, usage in after.items()
    }
    for name, share in sorted(shares.items(), key=lambda one: -one[1]):
        print(f"{name:14}{share:14.2f}")
    print(f"{'all':14}{sum(shares.values()):14.2f}")
