"""Repeating an operation that fails for a reason that may pass."""

from itertools import islice

import pytest
from portal_shared.runtime.errors import Invalid, Unavailable
from portal_shared.runtime.retry import growing_pauses, retry


class Operation:
    """Fails with the given errors, one a call, then returns a result."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "result"


async def test_an_operation_is_repeated_until_it_succeeds() -> None:
    operation = Operation(Unavailable("down"), Unavailable("still down"))
    reports: list[tuple[str, float]] = []

    def report(error: Exception, pause: float) -> None:
        reports.append((str(error), pause))

    assert await retry(operation, pauses=(0, 0.001), report=report) == "result"
    assert reports == [("down", 0), ("still down", 0.001)]


async def test_after_the_last_pause_the_error_is_raised() -> None:
    operation = Operation(*(Unavailable("down") for _ in range(5)))
    with pytest.raises(Unavailable):
        await retry(operation, pauses=(0, 0))
    assert operation.calls == 3


async def test_other_errors_are_raised_at_once() -> None:
    operation = Operation(Invalid("wrong"))
    with pytest.raises(Invalid):
        await retry(operation, pauses=(0, 0))
    assert operation.calls == 1


def test_pauses_grow_up_to_the_longest() -> None:
    assert list(islice(growing_pauses(0.5, 3), 5)) == [0.5, 1, 2, 3, 3]
