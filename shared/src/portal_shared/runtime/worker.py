"""Work that outlives a message: a loop over jobs in the database, woken by messages.

A step claims one piece of work and does it, and says whether there was any. What fails because
something outside is down is tried again with growing pauses, and shows in /health as long.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from portal_shared.runtime.errors import PortalError
from portal_shared.runtime.logs import logger

log = logger(__name__)

IDLE_SECONDS = 1.0
LONGEST_PAUSE = 30.0
COLLECT_SECONDS = 0.05  # messages come in crowds: one look for all of them


class Worker:
    """Runs `step` until it finds nothing, then waits for `wake` or for `idle` seconds.

    As long as it finds nothing it waits twice as long each time, up to `longest_idle`: what becomes
    due by itself after a while is found after no more than about twice that while.

    Woken, it waits until nothing woke it for `quiet` seconds, but no longer than `patience`: what
    changes often is worked on once.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[bool]],
        *,
        quiet: float = COLLECT_SECONDS,
        patience: float = COLLECT_SECONDS,
        idle: float = IDLE_SECONDS,
        longest_idle: float | None = None,  # None: always `idle`
    ) -> None:
        self.name = name
        self.wake = asyncio.Event()
        self.trouble: str | None = None  # why it cannot work now
        self._step = step
        self._quiet = quiet
        self._patience = patience
        self._idle = idle
        self._longest_idle = longest_idle or idle

    async def run(self) -> None:
        pause, rest = IDLE_SECONDS, self._idle
        while True:
            self.wake.clear()
            try:
                worked = await self._step()
            except PortalError as error:
                self.trouble = str(error)
                log.warning("worker waits", worker=self.name, reason=str(error), seconds=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            except Exception as error:
                self.trouble = repr(error)
                log.exception("worker failed", worker=self.name)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            self.trouble, pause = None, IDLE_SECONDS
            if worked:
                rest = self._idle
            elif await self._woken(rest):
                rest = self._idle
                await self._collect()
            else:
                rest = min(rest * 2, self._longest_idle)

    async def _woken(self, within: float) -> bool:
        try:
            async with asyncio.timeout(within):
                await self.wake.wait()
        except TimeoutError:
            return False
        return True

    async def _collect(self) -> None:
        end = time.monotonic() + self._patience
        while self.wake.is_set() and (left := end - time.monotonic()) > 0:
            self.wake.clear()
            await asyncio.sleep(min(self._quiet, left))
