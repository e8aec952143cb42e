"""Prefetch queue of claimed rows, so that no worker waits for the database."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from portal_doi.store.leases import Lease
from portal_doi.store.relations import Relatives


@dataclass(frozen=True)
class ClaimedRow:
    """A row to work on, and its relatives as they were after it was claimed."""

    lease: Lease
    relatives: Relatives


# Returns some rows, and whether there may be more.
Fetch = Callable[[int], Awaitable[tuple[list[ClaimedRow], bool]]]


class PrefetchQueue:
    """Fetches the next `size` rows when half of them are left; rows that waited too long expire."""

    def __init__(self, fetch: Fetch, *, size: int, begin_within: float) -> None:
        self._fetch = fetch
        self._size = size
        self._begin_within = begin_within
        self._ready: deque[ClaimedRow] = deque()
        self._expired: list[ClaimedRow] = []
        self._fetch_task: asyncio.Task[None] | None = None
        self._may_have_more = True
        self._error: Exception | None = None
        self.found_work = False

    async def next(self) -> ClaimedRow | None:
        """Return the row that waits longest; None if there is none. Raises what fetching raised."""
        while True:
            is_low = len(self._ready) <= self._size // 2
            if self._may_have_more and self._fetch_task is None and is_low:
                self._fetch_task = asyncio.create_task(self._refill())
            if self._ready:
                claimed = self._ready.popleft()
                if time.monotonic() - claimed.lease.claimed_at < self._begin_within:
                    return claimed
                self._expired.append(claimed)
            elif self._fetch_task is not None:
                await asyncio.shield(self._fetch_task)
            elif self._error is not None:
                raise self._error
            else:
                return None

    async def _refill(self) -> None:
        try:
            found, self._may_have_more = await self._fetch(self._size)
            self._ready.extend(found)
            self.found_work = self.found_work or self._may_have_more
        except Exception as error:  # noqa: BLE001  # raised by next()
            self._may_have_more, self._error = False, error
        finally:
            self._fetch_task = None

    async def close(self) -> list[ClaimedRow]:
        """Stop fetching and return the rows that no worker took."""
        self._may_have_more = False
        if self._fetch_task is not None:
            await self._fetch_task
        return [*self._expired, *self._ready]
