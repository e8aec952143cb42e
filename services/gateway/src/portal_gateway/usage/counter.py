"""Counts uses in memory and stores them every few seconds.

A killed process loses what it has not stored yet: at most STORE_SECONDS. Nothing of a reader is
stored: no address, no name of a program, no time but the month.
"""

from collections import Counter
from datetime import UTC, datetime

from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import logger

from portal_gateway.usage.double_clicks import DoubleClicks
from portal_gateway.usage.store import Kind, UsageStore, Use

log = logger(__name__)

STORE_SECONDS = 5.0
MAX_WAITING = 100_000  # different uses that wait while the database is gone; others are lost


class UsageCounter:
    def __init__(self, store: UsageStore) -> None:
        self._store = store
        self._waiting: Counter[Use] = Counter()
        self._double_clicks = DoubleClicks()

    def count_view(self, pid: str, address: str, program: str) -> None:
        """Counts a view by a reader, unless it follows another one of the same reader."""
        if not self._double_clicks.is_repeated(address, program, pid):
            self.count(pid, "views")

    def count(self, pid: str, kind: Kind) -> None:
        """Counts a use of a public dataset in this month."""
        use = Use(pid, datetime.now(UTC).strftime("%Y-%m"), kind)
        if use in self._waiting or len(self._waiting) < MAX_WAITING:
            self._waiting[use] += 1

    async def step(self) -> bool:
        """Stores what waits; False, so that the worker rests before the next step."""
        await self.store()
        return False

    async def store(self) -> None:
        """Stores what waits. Raises Unavailable; it is then stored by a later call."""
        uses, self._waiting = self._waiting, Counter()
        if not uses:
            return
        try:
            await self._store.add(uses)
        except Unavailable:
            self._waiting.update(uses)
            raise
