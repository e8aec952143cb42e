"""Tasks of which a few run side by side, while the next is prepared."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self


class TaskWindow:
    """At most `size` tasks side by side, all of which have ended at the end of the block.

    After a failure no task begins; those that run end first, then the first error is raised. If
    the block is cancelled, so are they.
    """

    def __init__(self, size: int) -> None:
        self._room = asyncio.Semaphore(size)
        self._running: set[asyncio.Task[None]] = set()
        self._error: BaseException | None = None

    async def room(self) -> None:
        """Waits until another task may begin. Raises the error of one that failed."""
        async with self._room:
            if self._error is not None:
                raise self._error

    async def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begins a task; to be called after `room`."""
        await self._room.acquire()
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        self._room.release()
        if not task.cancelled() and self._error is None:
            self._error = task.exception()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, asyncio.CancelledError):
            self._cancel()
        try:
            while self._running:
                await asyncio.wait(self._running)
        except asyncio.CancelledError:
            self._cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
            raise
        if error is None and self._error is not None:
            raise self._error

    def _cancel(self) -> None:
        for task in self._running:
            task.cancel()
