"""Figures for operators: what waits and what is there, at little cost for the database.

What waits is counted by indexes of what waits, at each look. Totals over whole collections are
counted at each look only while that is quick; else they are remembered, and counted again in the
background for a fiftieth of the time. Looks that come at the same time are one.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from portal_shared.runtime.errors import PortalError
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import deadline

log = logger(__name__)

StatusFields = Mapping[str, Any]
Source = Callable[[], Awaitable[StatusFields]]

LOOK_SECONDS = 8.0  # deadline of a look
TOTALS_SECONDS = 300.0  # deadline of counting everything
QUICK_SECONDS = 0.05  # totals that take no longer are counted at each look
COST_FACTOR = 50  # others are remembered for so many times the duration of counting


class SharedCall:
    """Runs an operation once for all callers that come before it begins, one run at a time."""

    def __init__(self, operation: Callable[[], Awaitable[None]]) -> None:
        self._operation = operation
        self._task: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Returns the task of a run that begins after this call.

        What a run under way has read may be older than what its caller knows: the next one is
        returned instead.
        """
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
            return self._task
        if self._next is None:
            self._next = asyncio.create_task(self._run_after(self._task))
        return self._next

    async def _run(self) -> None:
        await self._operation()

    async def _run_after(self, earlier: asyncio.Task[None]) -> None:
        await asyncio.wait((earlier,))
        self._task, self._next = self._next, None
        await self._operation()

    async def cancel(self) -> None:
        """Ends the operation."""
        tasks = [task for task in (self._next, self._task) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Figures:
    """The figures of a service. `last` has those of the last look."""

    def __init__(self, last_source: Source) -> None:
        """`last_source` is read after all others."""
        self._sources: list[Source] = []
        self._last_source = last_source
        self._total_sources: list[Source] = []
        self._look = SharedCall(self._read)
        self._count = SharedCall(self._read_totals)
        self._totals: dict[str, Any] | None = None
        self._cost = 0.0  # seconds that counting took
        self._counted_at = 0.0
        self._totals_problem: str | None = None
        self.last: dict[str, Any] = {}
        self.problem: str | None = None  # why the last look failed
        self.looked_at: float | None = None

    def add(self, source: Source) -> None:
        """Adds figures of what waits: a query must cost no more than what it finds."""
        self._sources.append(source)

    def add_totals(self, source: Source) -> None:
        """Adds counts of whole collections."""
        self._total_sources.append(source)

    async def look(self, *, exact: bool = False) -> dict[str, Any]:
        """Returns all figures. With `exact`, totals are counted anew, however long that takes.

        Never raises: `problem` says why figures are missing or old.
        """
        if exact and self._total_sources:
            await asyncio.shield(self._count.start())
        await asyncio.shield(self._look.start())
        return self.last

    @property
    def age_seconds(self) -> float:
        """Seconds since the last look; infinite before the first."""
        return float("inf") if self.looked_at is None else time.monotonic() - self.looked_at

    async def close(self) -> None:
        """Ends what is being counted."""
        await self._look.cancel()
        await self._count.cancel()

    async def _read(self) -> None:
        found: dict[str, Any] = {}
        problem = None
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                with deadline(LOOK_SECONDS):
                    for source in (*self._sources, self._last_source):
                        found.update(await source())
                found = {**await self._current_totals(), **found}
        except PortalError as error:
            problem = str(error)
        except TimeoutError:
            problem = f"not read within {LOOK_SECONDS:.0f} s"
        except Exception as error:  # errors of the driver: the rest of a status is worth showing
            log.exception("figures cannot be read")
            problem = repr(error)
        self.last = {**self.last, **found} if problem else found
        self.problem = problem or self._totals_problem
        self.looked_at = time.monotonic()

    async def _current_totals(self) -> dict[str, Any]:
        """Returns the totals: new ones if counting is quick, else those that are remembered."""
        if not self._total_sources:
            return {}
        is_quick = self._cost <= QUICK_SECONDS
        age = time.monotonic() - self._counted_at
        if is_quick or age > COST_FACTOR * self._cost:
            counting = self._count.start()
            if is_quick or self._totals is None:
                await asyncio.shield(counting)
        return self._totals or {}

    async def _read_totals(self) -> None:
        started = time.monotonic()
        found: dict[str, Any] = {}
        try:
            with deadline(TOTALS_SECONDS):
                for source in self._total_sources:
                    found.update(await source())
        except PortalError as error:
            self._totals_problem = str(error)
        except Exception as error:
            log.exception("totals cannot be read")
            self._totals_problem = repr(error)
        else:
            self._totals, self._totals_problem = found, None
        self._counted_at = time.monotonic()
        # After a failure the next look counts again.
        self._cost = 0.0 if self._totals_problem else self._counted_at - started
