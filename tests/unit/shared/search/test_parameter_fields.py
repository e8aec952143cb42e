"""Keys of numbers in the field that parameters share."""

from itertools import pairwise

import hypothesis.strategies as st
from hypothesis import given
from portal_shared.search import parameter_fields

NUMBERS = st.floats(allow_nan=False)


@given(st.sets(NUMBERS, max_size=8))
def test_keys_of_numbers_sort_like_the_numbers_and_contain_them(numbers: set[float]) -> None:
    ordered = sorted(numbers)
    keys = [parameter_fields.sortable_number(number) for number in ordered]
    assert all(a < b for a, b in pairwise(keys))
    assert [parameter_fields.parse_sortable(key) for key in keys] == ordered


def test_zero_has_one_key() -> None:
    assert parameter_fields.sortable_number(-0.0) == parameter_fields.sortable_number(0)


def test_names_of_profiles_have_fields_of_their_own() -> None:
    assert {"voxel_size", "organ"} <= parameter_fields.own_names()
    own, other = map(parameter_fields.facet_field, ("organ", "of no profile"))
    assert own.startswith("facet.parameter.")
    assert other.startswith("facet.others.")
