"""Limits the processor time of one search, and lets other requests run in between."""

import asyncio
import time

from portal_gateway.errors import BadRequest

MAX_CPU_SECONDS = 5.0
SLICE_SECONDS = 0.05  # after it, other requests run


class TimeBudget:
    """The budget of one search, in processor time, so that load of the machine does not count.

    Use `math.inf` for answers that are sent while they are read.
    """

    def __init__(self, seconds: float = MAX_CPU_SECONDS) -> None:
        self._seconds = seconds
        self._used = 0.0
        self._cpu_at_start = self._started = 0.0

    def start_slice(self) -> None:
        """Starts to measure; call it after each pause."""
        self._cpu_at_start, self._started = time.thread_time(), time.monotonic()

    async def check(self) -> None:
        """Call it after each row. Raises BadRequest if the budget is used up."""
        if time.monotonic() - self._started < SLICE_SECONDS:  # avoids the slower processor clock
            return
        now = time.thread_time()
        if now - self._cpu_at_start < SLICE_SECONDS:
            self._started = time.monotonic() - (now - self._cpu_at_start)
            return
        self._used += now - self._cpu_at_start
        if self._used > self._seconds:
            raise BadRequest("The filter takes too long to evaluate: narrow it, or use a limit")
        await asyncio.sleep(0)
        self.start_slice()
