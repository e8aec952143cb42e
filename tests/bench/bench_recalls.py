"""In which order files come from tape: ours against first come first served and physical order.

Simulated drives on a clock of their own, so that the figures are those of the order alone.
"""

import asyncio
import random
import selectors
import sqlite3
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from portal_downloader.domain.batch_policy import (
    BatchPolicy,
    Share,
    TapeLocation,
    group_of,
    lowest_share,
)
from portal_downloader.domain.estimates import Extent, Throughput, seconds_left
from portal_local.tape.library.catalogue import TapeCatalogue
from portal_local.tape.library.drives import DriveScheduler, Order
from portal_local.tape.library.physics import Physics, TapePosition
from typing_extensions import override

FILES, SIZE, TAPES, DRIVES, READERS = 600, 2 * 10**9, 20, 4, 30
TAPES_UNDER_WAY = DRIVES  # as recommended: later requests then share more mounts
WINDOW = 300.0  # seconds, as FTS has it
SPREADS = (300.0, 600.0)  # seconds within which all readers send their requests: one window, two
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PHYSICS = Physics(mount=16 + 56 + 62, seek=65, rate=400e6, files_per_tape=400, tapes=TAPES,
                  speed_factor=1)  # fmt: skip


class _Clock(selectors.DefaultSelector):
    """A simulated clock: instead of waiting, time jumps to the next timer."""

    now = 0.0

    @override
    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout:
            self.now += timeout
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.clock = _Clock()
        super().__init__(self.clock)

    @override
    def time(self) -> float:
        return self.clock.now


@dataclass(frozen=True)
class Recall:
    path: str
    place: TapePosition
    requester: str
    at: float


def recalls(spread: float) -> list[Recall]:
    """Random files of all tapes, requested one after the other by random readers.

    The simulator writes a folder in the order of its names, so names hint at positions even
    where positions are unknown.
    """
    dice = random.Random(6)  # noqa: S311
    places = dice.sample(
        [TapePosition(f"VT{t:02d}", p) for t in range(TAPES) for p in range(400)], FILES
    )
    files = [(f"/{p.tape}.{p.position // 100}/{p.position:04d}", p) for p in places]
    dice.shuffle(files)
    moments = sorted(dice.uniform(0, spread) for _ in files)
    return [
        Recall(path, place, f"r{dice.randrange(READERS)}", at)
        for (path, place), at in zip(files, moments, strict=True)
    ]


@dataclass
class Queue:
    """What our downloader has in its database: the same decisions, by the same core."""

    known: str  # nothing, tapes or positions
    policy: BatchPolicy
    waiting: list[Recall] = field(default_factory=list[Recall])
    under_way: dict[str, Recall] = field(default_factory=dict[str, Recall])

    def group(self, file: Recall) -> str:
        place = None if self.known == "nothing" else TapeLocation(file.place.tape, 0)
        return group_of(file.path, place)

    def next_batch(self, now: float) -> list[Recall]:
        most = self.policy.capacity(len(self.under_way))
        oldest = min((f.at for f in self.waiting), default=now)
        if now - oldest < self.policy.window:
            return []
        found: list[Recall] = []
        groups = {self.group(f) for f in self.under_way.values()}
        shut: set[str] = set()
        while (
            len(found) < most and (leading := lowest_share(self._shares(found, shut))) is not None
        ):
            left = [f for f in self.waiting if f not in found]
            mine = [f for f in left if f.requester == leading.requester]
            mine = [f for f in mine if self.policy.may_start(self.group(f), groups)]
            if not mine:
                shut.add(leading.requester)
                continue
            first = min(mine, key=lambda f: f.at)
            groups.add(self.group(first))
            together = [f for f in left if self.group(f) == self.group(first)]
            known = self.known == "positions"
            together.sort(key=lambda f: (f.place.position if known else 0, f.path))
            found += together[: most - len(found)]
        self.waiting = [f for f in self.waiting if f not in found]
        self.under_way |= {f.path: f for f in found}
        return found

    def _shares(self, taken: Sequence[Recall], shut: set[str]) -> list[Share]:
        shares: dict[str, Share] = {}
        for file in self.waiting:
            if file not in taken and file.requester not in shut:
                at = NOW + timedelta(seconds=file.at)
                share = shares.setdefault(file.requester, Share(file.requester, 0, 0, at))
                share.waiting += 1
        for file in [*taken, *self.under_way.values()]:
            if file.requester in shares:
                shares[file.requester].in_flight += 1
        return list(shares.values())


Feed = Callable[[DriveScheduler, dict[str, Recall]], Awaitable[None]]


def seconds(feed: Feed, order: Order, spread: float) -> float:
    """Until the last file has come."""
    files = {file.path: file for file in recalls(spread)}
    loop = _Loop()

    async def run() -> float:
        left = set(files)
        done = asyncio.Event()

        async def read(path: str, wind: Callable[[int], Awaitable[None]]) -> None:
            await wind(SIZE)
            left.discard(path)
            came(path)
            if not left:
                done.set()

        came: Callable[[str], None] = lambda _: None  # noqa: E731
        shelves = TapeCatalogue(
            sqlite3.connect(":memory:", isolation_level=None), Path("/none"), PHYSICS
        )
        drives = DriveScheduler(
            PHYSICS, shelves, count=DRIVES, order=order, wanted=left.__contains__, read=read
        )
        feeding = asyncio.create_task(feed(drives, files))  # type: ignore[arg-type]
        if isinstance(feed, Ours):
            came = feed.came
        working = asyncio.create_task(drives.run())
        await done.wait()
        working.cancel()
        feeding.cancel()
        await asyncio.gather(working, feeding, return_exceptions=True)
        return loop.time()

    try:
        return loop.run_until_complete(run())
    finally:
        loop.close()


async def at_once(drives: DriveScheduler, files: dict[str, Recall]) -> None:
    """Each file when it is requested: the archive alone decides the order."""
    loop = asyncio.get_running_loop()
    for file in files.values():
        await asyncio.sleep(max(0.0, file.at - loop.time()))
        drives.enqueue(file.path, file.place)


class Ours:
    """Windows, fair turns and groups; the next batch when there is room for it."""

    def __init__(self, known: str) -> None:
        self._queue = Queue(
            known,
            BatchPolicy(
                window=WINDOW, max_files=300, max_in_flight=5000, max_tapes=TAPES_UNDER_WAY
            ),
        )
        self._free = asyncio.Event()
        self.arrived: dict[str, float] = {}

    def came(self, path: str) -> None:
        self.arrived[path] = asyncio.get_running_loop().time()
        self._queue.under_way.pop(path, None)
        self._free.set()

    async def __call__(self, drives: DriveScheduler, files: dict[str, Recall]) -> None:
        loop = asyncio.get_running_loop()
        coming = list(files.values())
        while coming or self._queue.waiting:
            await asyncio.sleep(20)
            while coming and coming[0].at <= loop.time():
                self._queue.waiting.append(coming.pop(0))
            for file in self._queue.next_batch(loop.time()):
                drives.enqueue(file.path, file.place)


@pytest.mark.parametrize("spread", SPREADS)
def test_order_of_recalls(spread: float) -> None:
    first, physical = "first come, first served", "physical order (the archive's own)"
    ways: dict[str, tuple[Feed, Order]] = {
        first: (at_once, "request"),
        "ours, nothing known, archive in order of requests": (Ours("nothing"), "request"),
        "ours, tapes known, archive in order of requests": (Ours("tapes"), "request"),
        "ours, positions known, archive in order of requests": (Ours("positions"), "request"),
        physical: (at_once, "position"),
        "ours, positions known, archive as it lies": (Ours("positions"), "position"),
    }
    rows = {name: seconds(feed, order, spread) for name, (feed, order) in ways.items()}
    print(f"\nrecall of {FILES} files of 2 GB, {TAPES} tapes, {DRIVES} drives, {READERS} readers")
    print(f"who send requests within {spread:.0f} s; the window is {WINDOW:.0f} s")
    for name, took in rows.items():
        faster, share = rows[first] / took, rows[physical] / took
        print(f"  {name:45} {took:9.0f} s  {faster:6.2f} of the first  {share:5.2f} of physical")


@pytest.mark.parametrize("known", ["nothing", "tapes", "positions"])
def test_estimates_at_half_way(known: str) -> None:
    """By how much the time left is guessed wrong when half of a request's files have come."""
    ours = Ours(known)
    seconds(ours, "request", SPREADS[0])
    errors: list[float] = []
    for reader in range(READERS):
        mine = [f for f in recalls(SPREADS[0]) if f.requester == f"r{reader}"]
        came = sorted(ours.arrived[f.path] for f in mine)
        half = len(came) // 2
        left = len(came) - half
        waiting = sum(moment > came[half - 1] for moment in ours.arrived.values())
        guess = seconds_left(
            left=Extent(left, left * SIZE),
            arrived=Extent(half - 1, (half - 1) * SIZE),
            since=came[half - 1] - came[0],
            ahead=Extent(0, 0),
            everything=Extent(waiting, waiting * SIZE),
            throughput=_throughput(ours.arrived, until=came[half - 1]),
            now=came[half - 1],
        )
        assert guess is not None
        errors.append(abs(guess - (came[-1] - came[half - 1])) / (came[-1] - came[half - 1]))
    errors.sort()
    print(
        f"\ntime left at half-way, {known} known: wrong by {statistics.median(errors):.0%} "
        f"(median of {READERS}), by {errors[int(len(errors) * 0.9)]:.0%} at most of nine in ten"
    )


def _throughput(arrived: dict[str, float], *, until: float) -> Throughput:
    """The throughput of all files that had arrived by then, whoever requested them."""
    throughput = Throughput()
    for moment in sorted(arrived.values()):
        if moment <= until:
            throughput.record(moment, SIZE)
    return throughput
