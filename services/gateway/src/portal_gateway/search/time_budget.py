"""How long one search may be judged row by row, so that none keeps the others waiting."""

import asyncio
import time

from portal_gateway.errors import Refused

MOST_SECONDS = 5.0  # of the processor
TURN = 0.05  # then others have theirs


class Patience:
    """One search's; measured in the processor's time, whatever else the machine does.

    Without end for what is sent while it is read: it was begun, and waits for its reader anyhow.
    """

    def __init__(self, most: float = MOST_SECONDS) -> None:
        self._most = most
        self._used = 0.0
        self._turn = self._since = 0.0

    def begin(self) -> None:
        """From here on it is this search that is worked for."""
        self._turn, self._since = time.thread_time(), time.monotonic()

    async def row(self) -> None:
        """After each row. Raises Refused when the search costs too much."""
        if time.monotonic() - self._since < TURN:  # the processor's clock is dear to read
            return
        now = time.thread_time()
        if now - self._turn < TURN:
            self._since = time.monotonic() - (now - self._turn)
            return
        self._used += now - self._turn
        if self._used > self._most:
            raise Refused("The filter takes too long to judge: narrow it, or ask for less at once")
        await asyncio.sleep(0)
        self.begin()
