"""One time for all replicas: the database's, asked now and then, carried on in between."""

import time
from datetime import UTC, datetime, timedelta

from portal_shared.runtime.mongo import Database, translate_errors

ASKED_EVERY = 30.0


class Clock:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked: tuple[float, datetime] | None = None

    async def now(self) -> datetime:
        """Raises Unavailable when it has to ask and the database does not answer."""
        if self._asked is None or time.monotonic() - self._asked[0] > ASKED_EVERY:
            before = time.monotonic()
            with translate_errors():
                told = await self._database.command("hello")
            self._asked = (before, told["localTime"].replace(tzinfo=UTC))  # it comes without
        then, moment = self._asked
        return moment + timedelta(seconds=time.monotonic() - then)
