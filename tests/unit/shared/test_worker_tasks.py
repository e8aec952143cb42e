"""A window runs a few tasks side by side, and raises the first error after the others."""

import asyncio

import pytest
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.worker import TaskWindow


class Tasks:
    """Tasks that run until they are released, one after the other."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.cancelled: list[int] = []
        self.may_end = asyncio.Semaphore(0)

    async def one(self, number: int, *, fails: bool = False) -> None:
        self.begun.append(number)
        try:
            await self.may_end.acquire()
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        self.ended.append(number)
        if fails:
            raise Unavailable(f"task {number}")


async def turn() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def run(tasks: Tasks, count: int, failing: tuple[int, ...] = ()) -> None:
    async with TaskWindow(2) as window:
        for number in range(count):
            await window.room()
            await window.start(tasks.one(number, fails=number in failing))


async def test_two_run_side_by_side_and_all_have_ended_after_it() -> None:
    tasks = Tasks()
    window = asyncio.create_task(run(tasks, 5))
    await turn()
    assert tasks.begun == [0, 1]
    tasks.may_end.release()
    await turn()
    assert tasks.begun == [0, 1, 2]
    for _ in range(4):
        assert not window.done()
        tasks.may_end.release()
        await turn()
    await window
    assert tasks.ended == [0, 1, 2, 3, 4]


async def test_after_a_failure_none_begins_and_the_others_end_first() -> None:
    tasks = Tasks()
    window = asyncio.create_task(run(tasks, 5, failing=(0, 1)))
    await turn()
    tasks.may_end.release()
    await turn()
    assert not window.done()
    tasks.may_end.release()
    with pytest.raises(Unavailable, match="task 0"):
        await window
    assert tasks.begun == tasks.ended == [0, 1]


async def test_a_task_does_not_start_after_a_failure() -> None:
    tasks = Tasks()
    tasks.may_end.release()

    async def block() -> None:
        async with TaskWindow(2) as window:
            await window.start(tasks.one(0, fails=True))
            await turn()
            await window.start(tasks.one(1))

    with pytest.raises(Unavailable, match="task 0"):
        await block()
    assert tasks.begun == [0]


async def test_a_failure_of_the_last_task_is_raised() -> None:
    tasks = Tasks()
    tasks.may_end.release()
    with pytest.raises(Unavailable, match="task 0"):
        await run(tasks, 1, failing=(0,))


async def test_an_error_of_the_block_lets_the_tasks_end() -> None:
    tasks = Tasks()

    async def block() -> None:
        async with TaskWindow(2) as window:
            await window.start(tasks.one(0))
            await turn()
            raise ValueError("the block")

    running = asyncio.create_task(block())
    await turn()
    assert not running.done()
    tasks.may_end.release()
    with pytest.raises(ValueError, match="the block"):
        await running
    assert tasks.ended == [0]


@pytest.mark.parametrize("started", [2, 5])
async def test_whoever_is_cancelled_cancels_its_tasks(started: int) -> None:
    tasks = Tasks()
    window = asyncio.create_task(run(tasks, started))
    await turn()
    window.cancel()
    with pytest.raises(asyncio.CancelledError):
        await window
    assert sorted(tasks.cancelled) == [0, 1]
    assert not tasks.ended
