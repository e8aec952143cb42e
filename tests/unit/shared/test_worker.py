"""A worker works when it is woken, and once for what comes in a crowd."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import pytest
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.worker import Worker, in_shares, seconds_to_next


class Steps:
    """Counts; finds nothing after as many as it was given."""

    def __init__(self, work: int = 0) -> None:
        self.taken = 0
        self.work = work
        self.fails = False

    async def step(self) -> bool:
        self.taken += 1
        if self.fails:
            raise Unavailable("the database is away")
        self.work -= 1
        return self.work >= 0


@contextlib.asynccontextmanager
async def running(worker: Worker) -> AsyncGenerator[None]:
    task = asyncio.create_task(worker.run())
    try:
        await asyncio.sleep(0.01)
        yield
    finally:
        task.cancel()


async def test_it_works_until_there_is_nothing() -> None:
    steps = Steps(work=3)
    async with running(Worker("w", steps.step)):
        assert steps.taken == 4


async def test_woken_in_a_crowd_it_works_once() -> None:
    steps = Steps()
    worker = Worker("w", steps.step, quiet_seconds=0.1, max_quiet_seconds=10)
    async with running(worker):
        for _ in range(10):
            worker.wake.set()
            await asyncio.sleep(0.01)
        assert steps.taken == 1  # when it began
        await asyncio.sleep(0.4)
        assert steps.taken == 2


async def test_it_does_not_wait_for_ever_for_quiet() -> None:
    steps = Steps()
    worker = Worker("w", steps.step, quiet_seconds=0.1, max_quiet_seconds=0.2)
    async with running(worker):
        for _ in range(60):
            worker.wake.set()
            await asyncio.sleep(0.01)
        assert steps.taken > 1


async def test_its_last_error_is_reported_and_passes() -> None:
    steps = Steps()
    steps.fails = True
    worker = Worker("w", steps.step)
    async with running(worker):
        assert worker.last_error == "the database is away"
        steps.fails = False
        async with asyncio.timeout(10):
            while worker.last_error:
                await asyncio.sleep(0.02)


async def test_how_seldom_it_looks_unwoken_is_its_own() -> None:
    often, seldom = Steps(), Steps()
    async with (
        running(Worker("o", often.step, idle_seconds=0.02)),
        running(Worker("s", seldom.step)),
    ):
        while often.taken < 5:
            await asyncio.sleep(0.01)
    assert seldom.taken == 1


async def test_as_long_as_there_is_nothing_it_looks_less_and_less_often() -> None:
    always, less = Steps(), Steps()
    worker = Worker("l", less.step, idle_seconds=0.02, max_idle_seconds=60)
    async with running(Worker("a", always.step, idle_seconds=0.02)), running(worker):
        while always.taken < 20:
            await asyncio.sleep(0.01)
        assert less.taken < 10
        before = less.taken
        worker.wake.set()
        async with asyncio.timeout(10):
            while less.taken < before + 2:  # woken, and soon after
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("now", [0.0, 1.5, 3.999, 4.0, 1234567.25])
def test_the_longest_pauses_end_at_multiples_of_themselves(now: float) -> None:
    pause = seconds_to_next(4.0, now)
    assert 0 < pause <= 4
    assert (now + pause) % 4 == pytest.approx(0) or (now + pause) % 4 == pytest.approx(4)


async def test_other_tasks_run_between_the_shares() -> None:
    seen: list[int] = []
    counts: list[int] = []

    async def other() -> None:
        while True:
            counts.append(len(seen))
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    async for item in in_shares(range(60), size=20):
        seen += [item]
    task.cancel()
    assert seen == list(range(60))
    assert {20, 40} <= set(counts)


async def test_all_items_are_yielded_once() -> None:
    assert [one async for one in in_shares([])] == []
    assert [one async for one in in_shares("abc", size=1)] == ["a", "b", "c"]
