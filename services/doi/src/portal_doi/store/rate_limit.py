"""How fast DataCite may be called: one token bucket in the database, shared by all replicas.

The bucket is one instant: the time at which it will be full again. A call pushes it on by 1/rate,
and may be made when that leaves it less than burst/rate ahead.
"""

import asyncio
from datetime import datetime, timedelta

from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.mongo import Database, Doc, DuplicateKeyError, translate_errors

from portal_doi.store.clock import Clock

AT_ONCE = 8  # calls taken from the bucket together, at least: one trip to the database for so many
PORTION = 0.25  # or those of so many seconds: no more are lost when a replica is killed
LONGEST_WAIT = 10.0  # seconds; for longer the caller lets go of its work


def taken(
    full: datetime, now: datetime, *, calls: int, rate: float, burst: int
) -> tuple[datetime, float]:
    """The bucket after so many calls, and the seconds to wait before they may be made."""
    after = max(full, now) + timedelta(seconds=calls / rate)
    ahead = (after - now).total_seconds()
    return after, max(0.0, ahead - max(burst, calls) / rate)


class Pace:
    def __init__(self, database: Database, clock: Clock, *, rate: float, burst: int) -> None:
        self._rows = database["pace"]
        self._clock = clock
        self._rate = rate
        self._burst = burst
        self._portion = min(burst, max(AT_ONCE, int(rate * PORTION)))
        self._left = 0
        self._lock = asyncio.Lock()

    async def take(self) -> None:
        """Return when one call may be made; raises Unavailable when that is not soon."""
        async with self._lock:
            if self._left == 0:
                await self._fetch(self._portion)
            self._left -= 1

    async def pause(self, seconds: float) -> None:
        """Nobody calls for so long."""
        self._left = 0
        full = await self._clock.now() + timedelta(seconds=seconds + self._burst / self._rate)
        with translate_errors():
            await self._rows.update_one({"_id": "datacite"}, {"$max": {"full": full}}, upsert=True)

    async def _fetch(self, calls: int) -> None:
        while True:
            now = await self._clock.now()
            with translate_errors():
                row: Doc | None = await self._rows.find_one({"_id": "datacite"})
            old = row["full"] if row else now
            after, wait = taken(old, now, calls=calls, rate=self._rate, burst=self._burst)
            if wait > LONGEST_WAIT:
                raise Unavailable(f"DataCite may be called again in {wait:.0f} s (rate limit)")
            if await self._swap(row, after):
                break
        await asyncio.sleep(wait)
        self._left = calls

    async def _swap(self, row: Doc | None, after: datetime) -> bool:
        """False when another replica was faster."""
        with translate_errors():
            if row is None:
                try:
                    await self._rows.insert_one({"_id": "datacite", "full": after})
                except DuplicateKeyError:
                    return False
                return True
            result = await self._rows.update_one(
                {"_id": "datacite", "full": row["full"]}, {"$set": {"full": after}}
            )
        return bool(result.matched_count)
