"""Calls that come together: one trip for all, and one's trouble is not the others'."""

import asyncio
from collections.abc import Sequence

import pytest
from portal_shared.runtime.batcher import Batcher, write_batcher
from portal_shared.runtime.errors import Invalid, Unavailable
from portal_shared.runtime.mongo import WriteConflict


async def test_what_comes_together_is_answered_by_one_trip() -> None:
    trips: list[Sequence[int]] = []

    async def answer(asked: Sequence[int]) -> Sequence[int]:
        trips.append(asked)
        return [2 * n for n in asked]

    doubling = Batcher(answer, collect_seconds=0.01, max_batch=3)
    assert await asyncio.gather(*(doubling.submit(n) for n in range(5))) == [0, 2, 4, 6, 8]
    assert trips == [[0, 1, 2], [3, 4]]


@pytest.mark.parametrize(
    "trouble", [WriteConflict("met another"), Invalid("bad"), KeyError("unforeseen")]
)
async def test_each_is_answered_alone_where_the_company_is_in_trouble(trouble: Exception) -> None:
    async def answer(asked: Sequence[int]) -> Sequence[int]:
        if 3 in asked:
            await asyncio.sleep(0.05)
            raise trouble
        return asked

    echo = Batcher(answer, collect_seconds=0.01, max_batch=10)
    found = await asyncio.gather(*(echo.submit(n) for n in range(5)), return_exceptions=True)
    assert found == [0, 1, 2, trouble, 4]


async def test_what_is_out_of_reach_for_one_is_so_for_all() -> None:
    trips = 0

    async def answer(_asked: Sequence[int]) -> Sequence[int]:
        nonlocal trips
        trips += 1
        raise Unavailable("down")

    asking = Batcher(answer, collect_seconds=0.01, max_batch=10)
    found = await asyncio.gather(*(asking.submit(n) for n in range(5)), return_exceptions=True)
    assert {type(error) for error in found} == {Unavailable}
    assert trips == 1


async def test_who_is_cancelled_takes_nobody_along() -> None:
    kept: list[int] = []

    async def answer(asked: Sequence[int]) -> Sequence[int]:
        await asyncio.sleep(0.05)
        kept.extend(asked)
        return asked

    keeping = Batcher(answer, collect_seconds=0.01, max_batch=10)
    one, other = (asyncio.create_task(keeping.submit(n)) for n in (1, 2))
    await asyncio.sleep(0.03)
    one.cancel()
    assert await other == 2
    await keeping.drain()
    assert (kept, keeping.pending) == ([1, 2], 0)


async def test_work_without_an_answer_is_waited_for() -> None:
    done: list[Sequence[int]] = []

    async def work(asked: Sequence[int]) -> None:
        done.append(asked)

    working = write_batcher(work, collect_seconds=0.01, max_batch=3)
    waiting = [asyncio.create_task(working.submit(n)) for n in range(5)]
    await asyncio.sleep(0)
    assert working.pending == 5
    await asyncio.gather(*waiting)
    assert (done, working.pending) == ([[0, 1, 2], [3, 4]], 0)
