"""Figures for operators: what waits is always new, dear totals are remembered, looks are shared."""

import asyncio
from typing import Any

import pytest
from portal_shared.runtime.errors import Unavailable
from portal_shared.service import figures
from portal_shared.service.figures import Figures


class Source:
    """A source that counts its calls; it returns once it may."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls = 0
        self.may_return = asyncio.Event()
        self.may_return.set()
        self.error: Exception | None = None

    async def __call__(self) -> dict[str, Any]:
        self.calls += 1
        await self.may_return.wait()
        if self.error is not None:
            raise self.error
        return {self.name: self.calls}


async def nothing() -> dict[str, Any]:
    return {}


@pytest.fixture
def waiting() -> Source:
    return Source("pending")


@pytest.fixture
def total() -> Source:
    return Source("records")


@pytest.fixture
def read(waiting: Source, total: Source) -> Figures:
    made = Figures(nothing)
    made.add(waiting)
    made.add_totals(total)
    return made


async def test_quick_totals_are_counted_at_each_look(read: Figures, monkeypatch: Any) -> None:
    monkeypatch.setattr(figures, "QUICK_SECONDS", 60.0)
    assert await read.look() == {"pending": 1, "records": 1}
    assert await read.look() == {"pending": 2, "records": 2}


async def test_dear_totals_are_remembered_and_what_waits_is_not(
    read: Figures, monkeypatch: Any
) -> None:
    monkeypatch.setattr(figures, "QUICK_SECONDS", -1.0)
    monkeypatch.setattr(figures, "COST_FACTOR", 1e9)
    assert await read.look() == {"pending": 1, "records": 1}
    assert await read.look() == {"pending": 2, "records": 1}
    assert await read.look(exact=True) == {"pending": 3, "records": 2}


async def test_a_look_does_not_wait_for_dear_totals(
    read: Figures, total: Source, monkeypatch: Any
) -> None:
    monkeypatch.setattr(figures, "QUICK_SECONDS", -1.0)
    monkeypatch.setattr(figures, "COST_FACTOR", 0.0)
    await read.look()
    total.may_return.clear()
    assert await read.look() == {"pending": 2, "records": 1}
    assert total.calls == 2
    await read.close()


async def test_looks_at_the_same_time_are_one(read: Figures, waiting: Source) -> None:
    waiting.may_return.clear()
    looks = [asyncio.create_task(read.look()) for _ in range(10)]
    await asyncio.sleep(0)
    looks[0].cancel()  # a client that is gone does not end the look of the others
    await asyncio.sleep(0)
    waiting.may_return.set()
    assert await looks[1] == {"pending": 2, "records": 2}
    await asyncio.gather(*looks, return_exceptions=True)
    assert waiting.calls == 2  # one that the first began, and one for all who came during it


async def test_a_look_sees_what_came_before_it(read: Figures, waiting: Source) -> None:
    """A look that began earlier may have counted too early for a later caller."""
    waiting.may_return.clear()
    earlier = asyncio.create_task(read.look())
    while not waiting.calls:
        await asyncio.sleep(0)
    later = asyncio.create_task(read.look())
    await asyncio.sleep(0)
    waiting.may_return.set()
    assert (await earlier)["pending"] == 1
    assert (await later)["pending"] == 2


async def test_totals_that_failed_are_counted_at_the_next_look(
    read: Figures, total: Source, monkeypatch: Any
) -> None:
    monkeypatch.setattr(figures, "COST_FACTOR", 1e9)
    total.error = OSError("the folder is not there yet")
    assert await read.look() == {"pending": 1}
    assert read.problem is not None
    total.error = None
    assert await read.look() == {"pending": 2, "records": 2}
    assert read.problem is None


async def test_figures_that_cannot_be_read_are_those_of_the_last_look(
    read: Figures, waiting: Source
) -> None:
    await read.look()
    waiting.error = Unavailable("MongoDB is away")
    assert await read.look() == {"pending": 1, "records": 1}
    assert read.problem == "MongoDB is away"
    waiting.error = None
    await read.look()
    assert read.problem is None
