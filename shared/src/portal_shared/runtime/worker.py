"""Background worker: a loop over work in the database, woken by messages.

A step claims one piece of work, does it and returns whether there was any. A step that fails is
repeated with growing pauses; /status shows the error meanwhile. A step that does not move on for
long fails the liveness of the service. A step may do several pieces of work side by side.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

from portal_shared.runtime.errors import PortalError
from portal_shared.runtime.logs import logger
from portal_shared.runtime.metrics import WORKER_STEPS
from portal_shared.runtime.progress import Progress

log = logger(__name__)
T = TypeVar("T")

IDLE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 30.0
COLLECT_SECONDS = 0.05  # messages arrive in groups: one query for all of them
SHARE = 20  # items of a long piece of work, of a few milliseconds each at most


async def in_shares(items: Iterable[T], size: int = SHARE) -> AsyncGenerator[T]:
    """Yields the items of a long piece of work; probes and messages are answered between shares."""
    for number, item in enumerate(items, start=1):
        yield item
        if number % size == 0:
            await asyncio.sleep(0)


def seconds_to_next(interval: float, now: float) -> float:
    """Returns the seconds until `now` is a multiple of the interval: more than 0."""
    return interval - now % interval


class Worker:
    """Runs `step` until there is no work, then waits for `wake` or `idle_seconds`.

    Without work it waits twice as long each time, up to `max_idle_seconds`: work that becomes ready
    without a wake-up starts after at most twice its delay. Those that wait longest look for work at
    the same moment, so that a Batcher makes one query for all workers of a process.

    After a wake-up it waits until there was none for `quiet_seconds`, but at most
    `max_quiet_seconds`: a record that changes often is processed once.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[bool]],
        *,
        quiet_seconds: float = COLLECT_SECONDS,
        max_quiet_seconds: float = COLLECT_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
        max_idle_seconds: float | None = None,  # None: always `idle_seconds`
    ) -> None:
        self.name = name
        self.wake = asyncio.Event()
        self.last_error: str | None = None  # why the last step failed
        self.progress = Progress()
        self._ending = False
        self._step = step
        self._quiet = quiet_seconds
        self._patience = max_quiet_seconds
        self._idle = idle_seconds
        self._longest_idle = max_idle_seconds or idle_seconds
        WORKER_STEPS.labels(name, "failed")  # from zero, see `counter_from_zero`

    def end(self) -> None:
        """Makes `run` return after the step under way."""
        self._ending = True
        self.wake.set()

    async def run(self) -> None:
        """Repeats the step until `end` is called or the task is cancelled."""
        pause, rest = IDLE_SECONDS, self._idle
        while not self._ending:
            self.wake.clear()
            worked = await self._try_step(pause)
            if self._ending:
                return
            if worked is None:
                await self._pause(pause)
                pause = min(pause * 2, MAX_PAUSE_SECONDS)
                continue
            self.last_error, pause = None, IDLE_SECONDS
            if worked:
                rest = self._idle
            elif await self._woken(self._rest_seconds(rest)):
                rest = self._idle
                await self._collect()
            else:
                rest = min(rest * 2, self._longest_idle)

    async def _try_step(self, pause: float) -> bool | None:
        """Returns whether the step found work; None if it failed."""
        self.progress.begin()
        try:
            worked = await self._step()
        except PortalError as error:
            self.last_error = str(error)
            log.warning("worker is waiting", worker=self.name, reason=str(error), seconds=pause)
            worked = None
        except Exception as error:
            self.last_error = repr(error)
            log.exception("worker failed", worker=self.name)
            worked = None
        finally:
            self.progress.end()
        result = "failed" if worked is None else "worked" if worked else "idle"
        WORKER_STEPS.labels(self.name, result).inc()
        return worked

    async def _pause(self, seconds: float) -> None:
        """Waits after a failure; a wake-up does not shorten it, the end does."""
        end = time.monotonic() + seconds
        while not self._ending and (left := end - time.monotonic()) > 0:
            self.wake.clear()
            await self._woken(left)

    def _rest_seconds(self, rest: float) -> float:
        """Returns how long to wait: the longest rests end together, at multiples of themselves."""
        is_longest = self._idle < rest == self._longest_idle
        return seconds_to_next(rest, time.monotonic()) if is_longest else rest

    async def _woken(self, within: float) -> bool:
        try:
            async with asyncio.timeout(within):
                await self.wake.wait()
        except TimeoutError:
            return False
        return True

    async def _collect(self) -> None:
        end = time.monotonic() + self._patience
        while not self._ending and self.wake.is_set() and (left := end - time.monotonic()) > 0:
            self.wake.clear()
            await asyncio.sleep(min(self._quiet, left))


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
        """Begins a task when another may begin. Raises the error of one that failed."""
        await self._room.acquire()
        if self._error is not None:
            self._room.release()
            work.close()
            raise self._error
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
