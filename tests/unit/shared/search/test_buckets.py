"""Buckets of histograms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from portal_shared.search import buckets


@given(st.floats(min_value=1e-30, max_value=1e30))
def test_a_number_is_within_its_bucket(number: float) -> None:
    index = buckets.bucket(number)
    assert index is not None
    low, high = buckets.start(index), buckets.start(index + 1)
    assert low * (1 - 1e-8) <= number < high * (1 + 1e-8)


@pytest.mark.parametrize("number", [0.0, -1.0, float("inf"), float("nan")])
def test_other_numbers_are_in_no_bucket(number: float) -> None:
    assert buckets.bucket(number) is None


def test_each_start_is_in_its_own_bucket() -> None:
    assert all(buckets.bucket(buckets.start(index)) == index for index in range(-300, 300))
