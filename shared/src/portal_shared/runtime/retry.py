"""Repeats an operation that failed for a reason that may pass."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

from portal_shared.runtime.errors import Unavailable

T = TypeVar("T")


def growing_pauses(first: float, longest: float) -> Iterator[float]:
    """Yields pauses in seconds without end: `first`, doubled each time up to `longest`."""
    pause = first
    while True:
        yield pause
        pause = min(pause * 2, longest)


async def retry(
    operation: Callable[[], Awaitable[T]],
    *,
    pauses: Iterable[float],
    on: type[Exception] | tuple[type[Exception], ...] = Unavailable,
    report: Callable[[Exception, float], None] | None = None,
) -> T:
    """Returns the result of the operation; while it fails, repeats it after each of `pauses`.

    Pauses are in seconds; after the last one the operation runs once more. Only exceptions of type
    `on` are retried.
    `report` is called with each exception and the pause that follows it.
    """
    for pause in pauses:
        try:
            return await operation()
        except on as error:
            if report:
                report(error, pause)
        await asyncio.sleep(pause)
    return await operation()
