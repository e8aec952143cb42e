"""Threads in which slices are read and drawn: few at the same time, and a short queue.

A request that would wait for too long is refused at once, so that slices never take the service
away from downloads.
"""

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from portal_shared.runtime.errors import TooMany

Result = TypeVar("Result")
MAX_WAIT_SECONDS = 5.0
MAX_WAITING = 256
FIRST_GUESS_SECONDS = 0.05  # of one piece of work, before any was measured
WEIGHT = 0.1  # of the newest duration in the mean


class Overloaded(TooMany):
    """More slices are requested than can be drawn soon."""

    def __init__(self, seconds: float) -> None:
        super().__init__("many slices are being drawn for others: try again later")
        self.retry_seconds = max(1, math.ceil(seconds))


class Workers:
    """Runs blocking functions in threads, first come first served."""

    def __init__(self, at_once: int) -> None:
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="slices")
        self._at_once = at_once
        self._mean_seconds = FIRST_GUESS_SECONDS
        self.waiting = 0  # or running
        self.refused = 0

    async def run(self, work: Callable[[], Result]) -> Result:
        """Returns the result of `work`. Raises Overloaded."""
        expected = self.waiting * self._mean_seconds / self._at_once
        if self.waiting >= MAX_WAITING or expected > MAX_WAIT_SECONDS:
            self.refused += 1
            raise Overloaded(expected)
        self.waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._timed, work)
        future.add_done_callback(self._finished)
        return await asyncio.shield(future)  # a thread goes on when its reader has gone

    def _timed(self, work: Callable[[], Result]) -> Result:
        started = time.monotonic()
        try:
            return work()
        finally:
            seconds = time.monotonic() - started
            self._mean_seconds += WEIGHT * (seconds - self._mean_seconds)

    def _finished(self, future: "asyncio.Future[Result]") -> None:
        self.waiting -= 1
        if not future.cancelled():
            future.exception()  # somebody may have gone before it was raised

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
