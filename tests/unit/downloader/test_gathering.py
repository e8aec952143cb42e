"""Messages are worked on in portions, and each knows what became of it."""

import asyncio
from collections.abc import Sequence

import pytest
from portal_downloader.bells import Bell
from portal_downloader.gathering import Gathering
from portal_shared.errors import Unavailable


class Work:
    def __init__(self) -> None:
        self.portions: list[list[int]] = []

    async def __call__(self, items: Sequence[int]) -> None:
        self.portions.append(list(items))
        if 13 in items:
            raise KeyError(13)
        if 503 in items:
            raise Unavailable("the database is away")


async def test_what_comes_together_is_done_together_and_no_more_than_may_be_at_once() -> None:
    work = Work()
    gathering = Gathering(work, seconds=0.01, most=3)
    await asyncio.gather(*(gathering.do(n) for n in range(7)))
    assert work.portions == [[0, 1, 2], [3, 4, 5], [6]]
    assert gathering.pending == 0


async def test_what_is_wrong_with_one_is_no_matter_of_the_others() -> None:
    gathering = Gathering(Work(), seconds=0, most=9)
    results = await asyncio.gather(*(gathering.do(n) for n in (1, 13, 2)), return_exceptions=True)
    assert [type(r) for r in results] == [type(None), KeyError, type(None)]


async def test_an_outage_is_told_to_all_at_once() -> None:
    work = Work()
    gathering = Gathering(work, seconds=0, most=9)
    results = await asyncio.gather(*(gathering.do(n) for n in (1, 503)), return_exceptions=True)
    assert all(isinstance(r, Unavailable) for r in results)
    assert work.portions == [[1, 503]]


async def test_whoever_gives_up_does_not_hinder_the_rest() -> None:
    work = Work()
    gathering = Gathering(work, seconds=0.01, most=9)
    first, second = (asyncio.create_task(gathering.do(n)) for n in (1, 2))
    await asyncio.sleep(0)
    first.cancel()
    await second
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (work.portions, gathering.pending) == ([[1, 2]], 0)


def test_a_bell_wakes_its_own_and_nobody_else() -> None:
    ours, theirs = asyncio.Event(), asyncio.Event()
    bell, other = Bell(), Bell()
    bell.wakes(ours)
    other.wakes(theirs)
    bell.ring()
    assert (ours.is_set(), theirs.is_set()) == (True, False)
