"""What comes together is answered together: one trip to the database for all of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.mongo import WriteConflict

Request = TypeVar("Request")
Result = TypeVar("Result")


class Batcher(Generic[Request, Result]):
    """`answer` is given what was asked within `collect` seconds, and gives as many answers."""

    def __init__(
        self,
        run_batch: Callable[[Sequence[Request]], Awaitable[Sequence[Result]]],
        *,
        collect_seconds: float,
        max_batch: int,
    ) -> None:
        self._answer = run_batch
        self._collect = collect_seconds
        self._most = max_batch
        self._waiting: list[tuple[Request, asyncio.Future[Result]]] = []
        self._running: asyncio.Task[None] | None = None
        self._alone: set[asyncio.Task[None]] = set()
        self.pending = 0  # of those who asked, how many wait

    async def submit(self, request: Request) -> Result:
        """Raises what `answer` raised.

        What is wrong with one of several (it met a write of others, it cannot be done) is not the
        others' trouble: each is answered alone then. What is out of reach is so for all. Who is
        cancelled meanwhile does not hear the answer; it is done all the same.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        self.pending += 1
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        try:
            return await future
        finally:
            self.pending -= 1

    async def drain(self) -> None:
        """All that was asked so far is answered."""
        tasks = [*self._alone, *([self._running] if self._running else [])]
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(self._collect)
                company, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._process(company)
        except asyncio.CancelledError:  # we are stopped: nobody is to wait for ever
            for _, future in self._waiting:
                future.cancel()
            self._waiting = []
            raise
        finally:
            self._running = None

    async def _process(self, company: Sequence[tuple[Request, asyncio.Future[Result]]]) -> None:
        try:
            answers = await self._answer([asked for asked, _ in company])
        except asyncio.CancelledError:
            for _, future in company:
                future.cancel()
            raise
        except Exception as error:  # noqa: BLE001  # for who asked
            shared = isinstance(error, Unavailable) and not isinstance(error, WriteConflict)
            if len(company) > 1 and not shared:
                for one in company:
                    task = asyncio.create_task(self._process([one]))
                    self._alone.add(task)
                    task.add_done_callback(self._alone.discard)
                return
            for _, future in company:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), told in zip(company, answers, strict=True):
            if not future.done():
                future.set_result(told)


def write_batcher(
    work: Callable[[Sequence[Request]], Awaitable[None]], *, collect_seconds: float, max_batch: int
) -> Batcher[Request, None]:
    """For work that has no answer but that it is done."""

    async def answer(asked: Sequence[Request]) -> Sequence[None]:
        await work(asked)
        return [None] * len(asked)

    return Batcher(answer, collect_seconds=collect_seconds, max_batch=max_batch)
