"""What one look at the database found, handed out in portions: a look costs as much as it sees.

What was found may be otherwise by the time it is handed out: who takes it looks at it once more.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Found = TypeVar("Found")


class Sighted(Generic[Found]):
    def __init__(self, look: Callable[[], Awaitable[Sequence[Found]]]) -> None:
        self._look = look
        self._left: deque[Found] = deque()

    @property
    def left(self) -> int:
        """How many were found and not handed out."""
        return len(self._left)

    async def some(self, most: int) -> list[Found]:
        """The next of them, of a new look when none is left; empty when that finds nothing."""
        if not self._left:
            self._left.extend(await self._look())
        return [self._left.popleft() for _ in range(min(most, len(self._left)))]

    def forget(self) -> None:
        """The next are found by a new look."""
        self._left.clear()
