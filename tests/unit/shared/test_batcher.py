"""Concurrent requests share one batch; the error of one does not affect the others."""

import asyncio
from collections.abc import Sequence

import pytest
from portal_shared.runtime.batcher import Batcher, write_batcher
from portal_shared.runtime.errors import Invalid, Unavailable
from portal_shared.runtime.mongo import WriteConflict


async def test_concurrent_requests_are_run_as_one_batch() -> None:
    batches: list[Sequence[int]] = []

    async def run_batch(requests: Sequence[int]) -> Sequence[int]:
        batches.append(requests)
        return [2 * n for n in requests]

    batcher = Batcher(run_batch, collect_seconds=0.01, max_batch=3)
    assert await asyncio.gather(*(batcher.submit(n) for n in range(5))) == [0, 2, 4, 6, 8]
    assert batches == [[0, 1, 2], [3, 4]]


@pytest.mark.parametrize(
    "error", [WriteConflict("conflict"), Invalid("bad"), KeyError("unforeseen")]
)
async def test_each_request_of_a_failed_batch_is_run_alone(error: Exception) -> None:
    async def run_batch(requests: Sequence[int]) -> Sequence[int]:
        if 3 in requests:
            await asyncio.sleep(0.05)
            raise error
        return requests

    batcher = Batcher(run_batch, collect_seconds=0.01, max_batch=10)
    found = await asyncio.gather(*(batcher.submit(n) for n in range(5)), return_exceptions=True)
    assert found == [0, 1, 2, error, 4]


async def test_all_requests_fail_if_the_database_is_unavailable() -> None:
    batches = 0

    async def run_batch(_requests: Sequence[int]) -> Sequence[int]:
        nonlocal batches
        batches += 1
        raise Unavailable("down")

    batcher = Batcher(run_batch, collect_seconds=0.01, max_batch=10)
    found = await asyncio.gather(*(batcher.submit(n) for n in range(5)), return_exceptions=True)
    assert {type(one) for one in found} == {Unavailable}
    assert batches == 1


async def test_a_cancelled_caller_does_not_cancel_the_others() -> None:
    processed: list[int] = []

    async def run_batch(requests: Sequence[int]) -> Sequence[int]:
        await asyncio.sleep(0.05)
        processed.extend(requests)
        return requests

    batcher = Batcher(run_batch, collect_seconds=0.01, max_batch=10)
    one, other = (asyncio.create_task(batcher.submit(n)) for n in (1, 2))
    await asyncio.sleep(0.03)
    one.cancel()
    assert await other == 2
    await batcher.drain()
    assert (processed, batcher.pending) == ([1, 2], 0)


async def test_work_without_results_is_awaited() -> None:
    done: list[Sequence[int]] = []

    async def work(requests: Sequence[int]) -> None:
        done.append(requests)

    batcher = write_batcher(work, collect_seconds=0.01, max_batch=3)
    waiting = [asyncio.create_task(batcher.submit(n)) for n in range(5)]
    await asyncio.sleep(0)
    assert batcher.pending == 5
    await asyncio.gather(*waiting)
    assert (done, batcher.pending) == ([[0, 1, 2], [3, 4]], 0)
