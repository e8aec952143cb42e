"""Range queries stay correct while documents are added and removed."""

import hypothesis.strategies as st
from hypothesis import given
from portal_local.search.bitmaps import BLOCK, RangeUnions, numbers_in, single, union
from portal_local.search.index.facets import Field

MANY = 3 * BLOCK + 7


@given(st.integers(0, MANY), st.integers(0, MANY))
def test_any_span_of_sets_is_united(start: int, end: int) -> None:
    sets = [single(n % 100) if n % 3 else 1 << n for n in range(MANY)]
    assert RangeUnions(sets).union(start, end) == union(sets[start:end])


def test_a_range_has_whatever_was_added_and_nothing_that_was_dropped() -> None:
    chosen = [number * 7919 % (10 * MANY) for number in range(MANY)]  # all different
    values = {number: value / 4 for number, value in enumerate(chosen)}
    field = Field()
    for number, value in values.items():
        field.add(number, value)
    for number in range(0, MANY, 5):
        assert _within(field, values, 100, 5000)
        field.drop(number, values.pop(number))
        assert _within(field, values, 100, 5000)
    field.add(0, 200.5)  # one that was dropped comes back, with a value of its own
    values[0] = 200.5
    assert _within(field, values, 0, 10 * MANY)
    assert _within(field, values, None, 200.5)
    assert _within(field, values, 200.5, None, open_ends=True)


def _within(
    field: Field,
    values: dict[int, float],
    low: float | None,
    high: float | None,
    *,
    open_ends: bool = False,
) -> bool:
    bounds = [None if bound is None else str(bound) for bound in (low, high)]
    found = field.between(*bounds, open_ends=open_ends)
    least = float("-inf") if low is None else low
    most = float("inf") if high is None else high
    inside = (lambda v: least < v < most) if open_ends else (lambda v: least <= v <= most)
    return list(numbers_in(found)) == sorted(n for n, v in values.items() if inside(v))
