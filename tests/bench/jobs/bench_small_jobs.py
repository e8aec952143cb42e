"""Small jobs, of one document and one dataset each, through all processes of an instance.

PORTAL_BENCH_JOBS sets their number, PORTAL_BENCH_IDLE_SECONDS how long the instance is idle then.
"""

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from portal_local.launcher import mongodb

from tests.bench.jobs.processes import Usage
from tests.bench.loads.database_calls import DatabaseCalls, counting_proxy
from tests.bench.loads.small_jobs import MAX_SECONDS, Import, Instance, instance
from tests.drivers import plain_http
from tests.drivers.services.operators import HEADERS

JOBS = int(os.environ.get("PORTAL_BENCH_JOBS", "1000"))
COUNTED_JOBS = 50  # whose calls of the database are counted
LAST_JOBS = 200  # whose rate is compared with that of all
PORTIONS = 4
WARM_JOBS = 20  # before the measurement: schemas are read, references are cached
IDLE_SECONDS = float(os.environ.get("PORTAL_BENCH_IDLE_SECONDS", "30"))


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
    """Sends the jobs in portions, every other one with `portal wait` beside it."""
    with instance(tmp_path) as running:
        running.run(WARM_JOBS)
        before = running.usage()
        share = JOBS // PORTIONS
        for number in range(PORTIONS):
            began = running.usage()
            with waiting(running) if number % 2 else nullcontext():
                found = running.run(share)
            print_portion(found, cpu_seconds(running.usage(), began), is_watched=bool(number % 2))
        print_usage(before, running.usage(), share * PORTIONS)
        print_answers_of_operators(running)
        time.sleep(IDLE_SECONDS)
        idle = running.usage()
        time.sleep(IDLE_SECONDS)
        print_idle(idle, running.usage())


@contextmanager
def waiting(running: Instance) -> Generator[None]:
    """Runs `portal wait` meanwhile, again if it ends: at times nothing waits between two jobs."""
    arguments = ("wait", "--timeout", str(MAX_SECONDS), "--data", str(running.portal.data))
    shell = 'while true; do "$0" -m portal_cli.main "$@" || sleep 1; sleep 0.2; done'
    with subprocess.Popen(
        ["sh", "-c", shell, sys.executable, *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def cpu_seconds(after: Mapping[str, Usage], before: Mapping[str, Usage]) -> float:
    return sum(after[name].cpu_seconds - before[name].cpu_seconds for name in after)


def print_portion(found: Import, cpu: float, *, is_watched: bool) -> None:
    """Prints the rates of a portion; `cpu` is the processor time of all parts in seconds."""
    count = len(found.answered)
    last = min(LAST_JOBS, count // 2)
    last_seconds = found.answered[-1] - found.answered[-1 - last]
    rates = (
        f"{count / found.answered[-1]:6.1f} answers/s",
        f"{last / last_seconds:6.1f} of the last {last}",
        f"{count / found.seconds:6.1f} jobs/s until indexed",
        f"{cpu * 1000 / count:6.1f} ms CPU a job",
    )
    print(f"{count} jobs{', portal wait' if is_watched else '':13}:{','.join(rates)}", flush=True)


def print_answers_of_operators(running: Instance) -> None:
    """Prints the milliseconds of the answers that operators and probes get."""
    for path in ("/status", "/health", "/metrics"):
        for name in ("ingest", "doi", "indexer", "downloader", "gateway"):
            times: list[float] = []
            for _ in range(20):
                began = time.perf_counter()
                plain_http.get(f"{running.portal.part(name)}{path}", headers=HEADERS, timeout=60)
                times.append((time.perf_counter() - began) * 1000)
            middle, highest = statistics.median(times), max(times)
            print(f"{path:10}{name:12}p50 {middle:7.1f} ms, highest {highest:.1f}")


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
