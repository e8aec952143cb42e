"""Documents with a number within a range, while documents come and go."""

import hypothesis.strategies as st
from hypothesis import given
from portal_local.search.index.bitmaps import numbers_in, single, union
from portal_local.search.index.facets import Field
from portal_local.search.index.range_unions import BLOCK, Spans

MANY = 3 * BLOCK + 7


@given(st.integers(0, MANY), st.integers(0, MANY))
def test_any_span_of_sets_is_united(start: int, end: int) -> None:
    sets = [single(n % 100) if n % 3 else 1 << n for n in range(MANY)]
    assert Spans(sets).union(start, end) == union(sets[start:end])


def test_a_range_has_whatever_was_added_and_nothing_that_was_dropped() -> None:
    chosen = [number * 7919 % (10 * MANY) for number in range(MANY)]  # all different
    held = {number: value / 4 for number, value in enumerate(chosen)}
    field = Field()
    for number, value in held.items():
        field.add(number, value)
    for number in range(0, MANY, 5):
        assert _within(field, held, 100, 5000)
        field.drop(number, held.pop(number))
        assert _within(field, held, 100, 5000)
    field.add(0, 200.5)  # one that was dropped comes back, with a value of its own
    held[0] = 200.5
    assert _within(field, held, 0, 10 * MANY)
    assert _within(field, held, None, 200.5)
    assert _within(field, held, 200.5, None, open_ends=True)


def _within(
    field: Field,
    held: dict[int, float],
    low: float | None,
    high: float | None,
    *,
    open_ends: bool = False,
) -> bool:
    told = [None if bound is None else str(bound) for bound in (low, high)]
    found = field.between(*told, open_ends=open_ends)
    least = float("-inf") if low is None else low
    most = float("inf") if high is None else high
    inside = (lambda v: least < v < most) if open_ends else (lambda v: least <= v <= most)
    return list(numbers_in(found)) == sorted(n for n, v in held.items() if inside(v))
