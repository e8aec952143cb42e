"""The rate limit for calls to DataCite: one token bucket in MongoDB, shared by all replicas.

The bucket is stored as one instant: the time at which it will be full again. A call moves it
forward by 1/rate, and may be made once it is less than burst/rate ahead of now.
"""

import asyncio
from datetime import datetime, timedelta

from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.mongo import Database, Doc, DuplicateKeyError, translate_errors

from portal_doi.store.clock import Clock

# Calls are taken from the bucket in portions: one trip to the database for each. Larger ones would
# be lost when a replica is killed.
MIN_PORTION_CALLS = 8
PORTION_SECONDS = 0.25
MAX_WAIT_SECONDS = 10.0  # for longer waits the caller releases its work


def take_from_bucket(
    full_at: datetime, now: datetime, *, calls: int, rate: float, burst: int
) -> tuple[datetime, float]:
    """Return the bucket after so many calls, and the seconds to wait before they may be made."""
    after = max(full_at, now) + timedelta(seconds=calls / rate)
    ahead = (after - now).total_seconds()
    return after, max(0.0, ahead - max(burst, calls) / rate)


class RateLimiter:
    def __init__(self, database: Database, clock: Clock, *, rate: float, burst: int) -> None:
        self._rows = database["pace"]
        self._clock = clock
        self._rate = rate
        self._burst = burst
        self._portion = min(burst, max(MIN_PORTION_CALLS, int(rate * PORTION_SECONDS)))
        self._remaining = 0  # calls of the current portion
        self._lock = asyncio.Lock()

    async def acquire(self) -> None:
        """Return when one call may be made. Raises Unavailable if that takes too long."""
        async with self._lock:
            if self._remaining == 0:
                await self._take_portion(self._portion)
            self._remaining -= 1

    async def pause(self, seconds: float) -> None:
        """Stop the calls of all replicas for so long."""
        self._remaining = 0
        full = await self._clock.now() + timedelta(seconds=seconds + self._burst / self._rate)
        with translate_errors():
            await self._rows.update_one({"_id": "datacite"}, {"$max": {"full": full}}, upsert=True)

    async def _take_portion(self, calls: int) -> None:
        while True:
            now = await self._clock.now()
            with translate_errors():
                row: Doc | None = await self._rows.find_one({"_id": "datacite"})
            full = row["full"] if row else now
            after, wait = take_from_bucket(
                full, now, calls=calls, rate=self._rate, burst=self._burst
            )
            if wait > MAX_WAIT_SECONDS:
                raise Unavailable(f"rate limit: DataCite may be called again in {wait:.0f} s")
            if await self._swap(row, after):
                break
        await asyncio.sleep(wait)
        self._remaining = calls

    async def _swap(self, row: Doc | None, after: datetime) -> bool:
        """Store the new value; False if another replica was faster."""
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
