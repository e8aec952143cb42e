"""Memory that all crops of this process may have together."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from portal_shared.runtime.errors import Unavailable

WAIT_SECONDS = 60.0


class MemoryBudget:
    """Reserves bytes, first come first served."""

    def __init__(self, total: int, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self.total = total
        self._free = total
        self._wait_seconds = wait_seconds
        self._turn = asyncio.Lock()
        self._released = asyncio.Event()

    @asynccontextmanager
    async def reserve(self, size: int) -> AsyncGenerator[None]:
        """Reserves so many bytes, at most all, while the context is open. Raises Unavailable."""
        size = min(size, self.total)
        try:
            async with asyncio.timeout(self._wait_seconds), self._turn:
                while self._free < size:
                    self._released.clear()
                    await self._released.wait()
        except TimeoutError:
            raise Unavailable("too many crops are being read: try again later") from None
        self._free -= size
        try:
            yield
        finally:
            self._free += size
            self._released.set()
