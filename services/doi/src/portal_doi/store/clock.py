"""One clock for all replicas: MongoDB's time, queried every 30 seconds and continued in between."""

import time
from datetime import UTC, datetime, timedelta

from portal_shared.runtime.mongo import Database, translate_errors

QUERY_EVERY_SECONDS = 30.0


class Clock:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._latest: tuple[float, datetime] | None = None  # our monotonic time, MongoDB's time

    async def now(self) -> datetime:
        """Return MongoDB's time. Raises Unavailable if it has to be queried and is not there."""
        if self._latest is None or time.monotonic() - self._latest[0] > QUERY_EVERY_SECONDS:
            before = time.monotonic()
            with translate_errors():
                answer = await self._database.command("hello")
            self._latest = (before, answer["localTime"].replace(tzinfo=UTC))  # comes without one
        then, moment = self._latest
        return moment + timedelta(seconds=time.monotonic() - then)
