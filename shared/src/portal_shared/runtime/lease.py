"""A lease on a task that one replica at a time may do, such as a scheduler.

The clock is that of this host, as for all leases; a replica that was stopped for longer than the
lease finds out at its next renewal. So what the task writes must be safe to do twice.
"""

import asyncio
import contextvars
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import Database, Doc, DuplicateKeyError, translate_errors

DURATION = timedelta(seconds=30)

log = logger(__name__)


@asynccontextmanager
async def extended(
    lease: timedelta, extend: Callable[[], Awaitable[Any]], **labels: Any
) -> AsyncGenerator[None]:
    """Calls `extend` three times in each lease until the block ends; it may raise Unavailable.

    In a context of its own: that a lease is extended is no progress of the worker.
    """

    async def repeat() -> None:
        while True:
            await asyncio.sleep(lease.total_seconds() / 3)
            try:
                await extend()
            except Unavailable as error:
                log.warning("lease not extended", reason=str(error), **labels)

    extension = asyncio.create_task(repeat(), context=contextvars.Context())
    try:
        yield
    finally:
        extension.cancel()


class TaskLease:
    """The lease of one task, a row of the collection `leases`."""

    def __init__(self, database: Database, task: str, *, duration: timedelta = DURATION) -> None:
        self._rows = database["leases"]
        self._task = task
        self._duration = duration
        self._owner = uuid.uuid4().hex
        self._renew_at = 0.0  # by this process's monotonic clock

    @property
    def renewal_seconds(self) -> float:
        """Until `acquire` renews a lease that this replica has."""
        return self._duration.total_seconds() / 2

    async def acquire(self) -> bool:
        """Takes or renews the lease; returns whether this replica has it now."""
        if time.monotonic() < self._renew_at:
            return True
        if not await self._write():
            return False
        self._renew_at = time.monotonic() + self.renewal_seconds
        return True

    async def _write(self) -> bool:
        now = datetime.now(UTC)
        which: Doc = {
            "_id": self._task,
            "$or": [{"owner": self._owner}, {"until": {"$lte": now}}],
        }
        change: Doc = {"$set": {"owner": self._owner, "until": now + self._duration}}
        with translate_errors():
            if (await self._rows.update_one(which, change)).matched_count:
                return True
            try:
                await self._rows.insert_one({"_id": self._task, **change["$set"]})
            except DuplicateKeyError:
                return False
        return True

    async def release(self) -> None:
        """Ends the lease, so that another replica need not wait for its deadline."""
        self._renew_at = 0.0
        with translate_errors():
            await self._rows.delete_one({"_id": self._task, "owner": self._owner})

    def limit(self, step: Callable[[], Awaitable[bool]]) -> Callable[[], Awaitable[bool]]:
        """Returns the step of a worker that does nothing while another replica has the lease."""

        async def limited() -> bool:
            return await self.acquire() and await step()

        return limited
