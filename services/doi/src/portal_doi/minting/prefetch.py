"""Claimed rows, some ahead of those who work on them: nobody waits for the database."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from portal_doi.store.leases import Claim
from portal_doi.store.relations import Relatives


@dataclass(frozen=True)
class Due:
    """A row to work on, and its relatives as they stood after it was taken."""

    claim: Claim
    relatives: Relatives


Fetch = Callable[[int], Awaitable[tuple[list[Due], bool]]]  # some, and whether there may be more


class Supply:
    def __init__(self, fetch: Fetch, *, ahead: int, begin_within: float) -> None:
        self._fetch = fetch
        self._ahead = ahead
        self._begin_within = begin_within
        self._ready: deque[Due] = deque()
        self._late: list[Due] = []
        self._fetching: asyncio.Task[None] | None = None
        self._more = True
        self._failed: Exception | None = None
        self.worked = False  # there was something

    async def next(self) -> Due | None:
        """The one that waits longest; None when there is none. Raises what fetching raised."""
        while True:
            if self._more and self._fetching is None and len(self._ready) <= self._ahead // 2:
                self._fetching = asyncio.create_task(self._fetched())
            if self._ready:
                due = self._ready.popleft()
                if time.monotonic() - due.claim.since < self._begin_within:
                    return due
                self._late.append(due)
            elif self._fetching is not None:
                await asyncio.shield(self._fetching)
            elif self._failed is not None:
                raise self._failed
            else:
                return None

    async def _fetched(self) -> None:
        try:
            found, self._more = await self._fetch(self._ahead)
            self._ready.extend(found)
            self.worked = self.worked or self._more
        except Exception as error:  # noqa: BLE001  # for who asks next
            self._more, self._failed = False, error
        finally:
            self._fetching = None

    async def close(self) -> list[Due]:
        """No more; those that were not begun."""
        self._more = False
        if self._fetching is not None:
            await self._fetching
        return [*self._late, *self._ready]
