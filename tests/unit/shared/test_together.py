"""Calls that come together: one trip for all, and one's trouble is not the others'."""

import asyncio
from collections.abc import Sequence

import pytest
from portal_shared.runtime.batcher import Together, done_together
from portal_shared.runtime.errors import Invalid, Unavailable
from portal_shared.runtime.mongo import Contended


async def test_what_comes_together_is_answered_by_one_trip() -> None:
    trips: list[Sequence[int]] = []

    async def answer(asked: Sequence[int]) -> Sequence[int]:
        trips.append(asked)
        return [2 * n for n in asked]

    doubling = Together(answer, collect=0.01, most=3)
    assert await asyncio.gather(*(doubling.ask(n) for n in range(5))) == [0, 2, 4, 6, 8]
    assert trips == [[0, 1, 2], [3, 4]]


@pytest.mark.parametrize(
    "trouble", [Contended("met another"), Invalid("bad"), KeyError("unforeseen")]
)
async def test_each_is_answered_alone_where_the_company_is_in_trouble(trouble: Exception) -> None:
    async def answer(asked: Sequence[int]) -> Sequence[int]:
        if 3 in asked:
            await asyncio.sleep(0.05)
            raise trouble
        return asked

    echo = Together(answer, collect=0.01, most=10)
    found = await asyncio.gather(*(echo.ask(n) for n in range(5)), return_exceptions=True)
    assert found == [0, 1, 2, trouble, 4]


async def test_what_is_out_of_reach_for_one_is_so_for_all() -> None:
    trips = 0

    async def answer(_asked: Sequence[int]) -> Sequence[int]:
        nonlocal trips
        trips += 1
        raise Unavailable("down")

    asking = Together(answer, collect=0.01, most=10)
    found = await asyncio.gather(*(asking.ask(n) for n in range(5)), return_exceptions=True)
    assert {type(error) for error in found} == {Unavailable}
    assert trips == 1


async def test_who_is_cancelled_takes_nobody_along() -> None:
    kept: list[int] = []

    async def answer(asked: Sequence[int]) -> Sequence[int]:
        await asyncio.sleep(0.05)
        kept.extend(asked)
        return asked

    keeping = Together(answer, collect=0.01, most=10)
    one, other = (asyncio.create_task(keeping.ask(n)) for n in (1, 2))
    await asyncio.sleep(0.03)
    one.cancel()
    assert await other == 2
    await keeping.drained()
    assert (kept, keeping.pending) == ([1, 2], 0)


async def test_work_without_an_answer_is_waited_for() -> None:
    done: list[Sequence[int]] = []

    async def work(asked: Sequence[int]) -> None:
        done.append(asked)

    working = done_together(work, collect=0.01, most=3)
    waiting = [asyncio.create_task(working.ask(n)) for n in range(5)]
    await asyncio.sleep(0)
    assert working.pending == 5
    await asyncio.gather(*waiting)
    assert (done, working.pending) == ([[0, 1, 2], [3, 4]], 0)
