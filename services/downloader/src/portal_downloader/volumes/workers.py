"""Threads in which slices are read and drawn: few at the same time, and a short queue.

A request that would wait for too long is refused at once, before its files are looked up, so that
slices never take the service away from downloads.
"""

import asyncio
import math
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from portal_shared.runtime.errors import TooMany

Result = TypeVar("Result")
MAX_WAIT_SECONDS = 5.0
FIRST_GUESS_SECONDS = 0.05  # of one piece of work, before any was measured
WEIGHT = 0.1  # of the newest duration in the mean


class Overloaded(TooMany):
    """More slices are requested than can be drawn soon."""

    def __init__(self, seconds: float) -> None:
        super().__init__("many slices are being drawn for others: try again later")
        self.retry_seconds = max(1, math.ceil(seconds))


class Workers:
    """Runs blocking functions in threads, first come first served."""

    def __init__(self, at_once: int, max_requests: int) -> None:
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="slices")
        self._at_once = at_once
        self._max_requests = max_requests
        self._mean_seconds = FIRST_GUESS_SECONDS
        self._requests = 0  # that are being answered
        self.waiting = 0  # or running
        self.refused = 0

    @contextmanager
    def admit(self) -> Generator[None]:
        """Counts a request until it is answered. Raises Overloaded if there are too many."""
        if self._requests >= self._max_requests:
            raise self._refuse()
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1

    async def run(self, work: Callable[[], Result]) -> Result:
        """Returns the result of `work`. Raises Overloaded."""
        if self.waiting >= self._max_requests or self._expected_seconds > MAX_WAIT_SECONDS:
            raise self._refuse()
        self.waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._timed, work)
        future.add_done_callback(self._finished)
        return await asyncio.shield(future)  # a thread goes on when its reader has gone

    @property
    def _expected_seconds(self) -> float:
        """Returns how long a new piece of work would wait."""
        return self.waiting * self._mean_seconds / self._at_once

    def _refuse(self) -> Overloaded:
        self.refused += 1
        return Overloaded(self._expected_seconds)

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
