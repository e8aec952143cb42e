import asyncio
from collections.abc import Sequence
from typing import cast

from portal_ingest.jobs.acceptance import Acceptance, JobMessage
from portal_ingest.jobs.acceptance_queue import MAX_BYTES, MAX_MESSAGES, AcceptanceQueue
from portal_shared.runtime.errors import Unavailable


class Recorder:
    """Accepts jobs; `failures` has the errors that bodies raise, each of them once."""

    def __init__(self, failures: dict[bytes, Exception] | None = None) -> None:
        self.accepted: list[bytes] = []
        self.batches: list[int] = []
        self._failures = failures or {}

    async def accept(self, messages: Sequence[JobMessage]) -> list[bool]:
        await asyncio.sleep(0)
        for message in messages:
            if error := self._failures.pop(message.body, None):
                raise error
        self.batches.append(len(messages))
        self.accepted += [message.body for message in messages]
        return [True] * len(messages)


def queue_of(recorder: Recorder) -> AcceptanceQueue:
    return AcceptanceQueue(cast("Acceptance", recorder))


def message(body: bytes) -> JobMessage:
    return JobMessage(body, None, "c")


class Delivery:
    """A message as the broker delivers it; compared by identity."""

    def __init__(self, body: bytes) -> None:
        self.body = body


async def accept(queue: AcceptanceQueue, delivery: Delivery) -> bool:
    return await queue.accept(delivery, message(delivery.body))


async def test_jobs_are_accepted_as_delivered_whichever_handler_begins_first() -> None:
    recorder = Recorder()
    queue = queue_of(recorder)
    deliveries = [Delivery(b"%d" % number) for number in range(3 * MAX_MESSAGES)]
    for delivery in deliveries:
        queue.arrived(delivery)
    tasks: list[asyncio.Task[bool]] = []
    for delivery in reversed(deliveries):
        tasks.append(asyncio.create_task(accept(queue, delivery)))
        await asyncio.sleep(0)
    assert all(await asyncio.gather(*tasks))
    assert recorder.accepted == [delivery.body for delivery in deliveries]
    assert max(recorder.batches) == MAX_MESSAGES


async def test_a_message_whose_handling_ended_does_not_hold_up_those_behind_it() -> None:
    recorder = Recorder()
    queue = queue_of(recorder)
    lost, cancelled, last = Delivery(b"lost"), Delivery(b"cancelled"), Delivery(b"last")
    for delivery in (lost, cancelled, last):
        queue.arrived(delivery)
    task = asyncio.create_task(accept(queue, cancelled))
    waiting = asyncio.create_task(accept(queue, last))
    await asyncio.sleep(0)
    task.cancel()
    queue.left(cancelled)
    queue.left(lost)
    assert await waiting
    assert recorder.accepted == [b"last"]


async def test_large_messages_are_accepted_alone() -> None:
    recorder = Recorder()
    queue = queue_of(recorder)
    bodies = [b"a" * MAX_BYTES, b"b" * MAX_BYTES, b"c", b"d"]
    await asyncio.gather(*(accept(queue, Delivery(body)) for body in bodies))
    assert recorder.accepted == bodies
    assert recorder.batches == [1, 1, 2]


async def test_an_unforeseen_error_is_that_of_one_message_alone() -> None:
    recorder = Recorder({b"bad": ValueError("bad")})
    queue = queue_of(recorder)
    bodies = [b"a", b"bad", b"b"]
    # it is raised when all are accepted together, and not again
    assert all(await asyncio.gather(*(accept(queue, Delivery(body)) for body in bodies)))
    assert recorder.accepted == bodies


async def test_jobs_wait_in_order_while_the_database_is_away() -> None:
    recorder = Recorder({b"b": Unavailable("MongoDB: away")})
    queue = queue_of(recorder)
    bodies = [b"a", b"b", b"c"]
    await asyncio.gather(*(accept(queue, Delivery(body)) for body in bodies))
    assert recorder.accepted == bodies
