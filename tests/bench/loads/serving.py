"""What serving costs: fetches of an address, and the processor time of those who serve.

Servers keep to the first processor, who fetches to the last: what a line within one machine costs
differs threefold by whether both are on the same.
"""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

GIB = 2**30
PROCESSORS = sorted(os.sched_getaffinity(0))


@dataclass
class Figures:
    mb_per_second: float
    cpu_per_gib: float


def spent(pids: Collection[int]) -> float:
    """Seconds of processor time of these processes and those they started, to the nanosecond."""
    return sum(_ran(pid) for pid in {p for pid in pids for p in _family(pid)}) / 1e9


def serve_apart(pid: int) -> None:
    """Keep a process, its threads and those it started to the first processor."""
    for member in _family(pid):
        for thread in Path(f"/proc/{member}/task").iterdir():
            os.sched_setaffinity(int(thread.name), PROCESSORS[:1])


@contextmanager
def _fetching_apart() -> Generator[None]:
    os.sched_setaffinity(0, PROCESSORS[-1:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, PROCESSORS)


def _family(pid: int) -> list[int]:
    found = [pid]
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text("utf-8").split():
            found += _family(int(child))
    return found


def _ran(pid: int) -> int:
    """By all threads that live."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((t / "schedstat").read_text("utf-8").split()[0]) for t in threads)


def fetched(url: str, *options: str, servers: Collection[int]) -> Figures:
    """One run of curl, which throws away what it gets."""
    before, began = spent(servers), time.monotonic()
    with _fetching_apart():
        sizes = subprocess.run(
            ["curl", "-fsS", "-o", "/dev/null", "-w", "%{size_download}", *options, url],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    took, size = time.monotonic() - began, int(sizes.stdout)
    return Figures(size / took / 1e6, (spent(servers) - before) / (size / GIB))


def in_turns(ways: Mapping[str, Callable[[], Figures]], runs: int) -> dict[str, list[Figures]]:
    """Each way once, then each again: what else the machine does meanwhile meets all of them.

    In turn forth and back, as what was sent before leaves its mark on what comes next.
    """
    found: dict[str, list[Figures]] = {name: [] for name in ways}
    for turn in range(runs):
        for name in list(ways) if turn % 2 else reversed(ways):
            found[name].append(ways[name]())
    return found


def ratios(found: list[Figures], base: list[Figures]) -> Figures:
    """Medians of what each run was of the baseline's in the same turn."""
    pairs = list(zip(found, base, strict=True))
    return Figures(
        statistics.median(f.mb_per_second / b.mb_per_second for f, b in pairs),
        statistics.median(f.cpu_per_gib / max(b.cpu_per_gib, 1e-6) for f, b in pairs),
    )


def median(runs: list[Figures]) -> Figures:
    return Figures(
        statistics.median(r.mb_per_second for r in runs),
        statistics.median(r.cpu_per_gib for r in runs),
    )


def table(found: Mapping[str, list[Figures]], base: Callable[[str], str]) -> None:
    print("\n                              MB/s   of base    CPU s/GiB   of base")
    for name, runs in found.items():
        own, share = median(runs), ratios(runs, found[base(name)])
        print(
            f"  {name:26} {own.mb_per_second:7.0f} {share.mb_per_second:8.2f}"
            f" {own.cpu_per_gib:12.3f} {share.cpu_per_gib:8.2f}"
        )
