"""Does for many at once what messages ask for one by one, so that the database is asked once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from portal_shared.errors import Unavailable

T = TypeVar("T")


class Gathering(Generic[T]):
    """Items that come within `seconds` are worked on together; each learns what became of it.

    An item returns from `do` when its work is done, so that its message is kept until then.
    """

    def __init__(
        self, work: Callable[[Sequence[T]], Awaitable[None]], *, seconds: float, most: int
    ) -> None:
        self._work = work
        self._seconds = seconds
        self._most = most
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None
        self.pending = 0  # those whose work is not done

    async def do(self, item: T) -> None:
        """Raises what the work raises for this item."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        self.pending += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            await done
        finally:
            self.pending -= 1

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._seconds)
            portion = self._waiting[: self._most]
            del self._waiting[: self._most]
            await self._settle(portion)

    async def _settle(self, portion: Sequence[tuple[T, asyncio.Future[None]]]) -> None:
        try:
            await self._work([item for item, _ in portion])
        except Exception as error:  # noqa: BLE001  # whoever waits gets it
            if len(portion) > 1 and not isinstance(error, Unavailable):
                for one in portion:  # what is wrong with one is no matter of the others
                    await self._settle([one])
                return
            for _, done in portion:
                if not done.done():
                    done.set_exception(error)
            return
        for _, done in portion:
            if not done.done():
                done.set_result(None)
