"""Combines concurrent requests into batches, so that one database call serves many callers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.mongo import WriteConflict
from portal_shared.runtime.telemetry.origin import neutral_context

Request = TypeVar("Request")
Result = TypeVar("Result")


class Batcher(Generic[Request, Result]):
    """Passes requests of `collect_seconds` to `run_batch`, which returns one result for each."""

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
        self._single_runs: set[asyncio.Task[None]] = set()
        self.pending = 0  # callers that are waiting for a result

    async def submit(self, request: Request) -> Result:
        """Returns the result of one request; raises the error of `run_batch`.

        If a batch fails because of one of its requests (a write conflict, an invalid request), each
        request is run alone. If the database is unavailable, all fail. A request whose caller is
        cancelled is run all the same.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        self.pending += 1
        if self._running is None:
            self._running = asyncio.create_task(self._run(), context=neutral_context())
        try:
            return await future
        finally:
            self.pending -= 1

    async def drain(self) -> None:
        """Waits until all requests submitted so far are done."""
        tasks = [*self._single_runs, *([self._running] if self._running else [])]
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(self._collect)
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._process(batch)
        except asyncio.CancelledError:  # the service stops: no caller must wait for ever
            for _, future in self._waiting:
                future.cancel()
            self._waiting = []
            raise
        finally:
            self._running = None

    async def _process(self, batch: Sequence[tuple[Request, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._answer([request for request, _ in batch])
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        except Exception as error:  # noqa: BLE001  # raised in the callers
            shared = isinstance(error, Unavailable) and not isinstance(error, WriteConflict)
            if len(batch) > 1 and not shared:
                for entry in batch:
                    task = asyncio.create_task(self._process([entry]))
                    self._single_runs.add(task)
                    task.add_done_callback(self._single_runs.discard)
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)


def write_batcher(
    work: Callable[[Sequence[Request]], Awaitable[None]], *, collect_seconds: float, max_batch: int
) -> Batcher[Request, None]:
    """Returns a Batcher for work without results."""

    async def run_batch(requests: Sequence[Request]) -> Sequence[None]:
        await work(requests)
        return [None] * len(requests)

    return Batcher(run_batch, collect_seconds=collect_seconds, max_batch=max_batch)
