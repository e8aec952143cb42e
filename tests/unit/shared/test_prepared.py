"""Documents as their datasets name them."""

import hypothesis.strategies as st
from hypothesis import given
from portal_shared.search import index_fields

PIDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255)
LONG = st.integers(215, 225).map(lambda n: "x" * n) | st.integers(105, 115).map(lambda n: "é" * n)


@given(st.sets(PIDS | LONG, max_size=8))
def test_whether_all_can_be_told_again_is_known(pids: set[str]) -> None:
    named = [index_fields.ancestor_key(pid) for pid in pids]
    told = [index_fields.ancestor_pid(one) for one in named]
    assert index_fields.all_pids_known(named) == (None not in told)
    assert {pid for pid in told if pid} <= pids


@given(st.sets(PIDS | LONG, max_size=8))
def test_those_that_can_be_told_stand_in_the_order_of_their_pids(pids: set[str]) -> None:
    named = sorted(
        n for pid in pids if index_fields.all_pids_known([n := index_fields.ancestor_key(pid)])
    )
    told = [index_fields.ancestor_pid(one) for one in named]
    assert told == sorted(pid for pid in told if pid)


def test_a_pid_is_told_up_to_the_bytes_that_are_kept() -> None:
    assert index_fields.all_pids_known(
        [index_fields.ancestor_key("x" * 220), index_fields.ancestor_key("é" * 110)]
    )
    assert not index_fields.all_pids_known(
        [index_fields.ancestor_key("x"), index_fields.ancestor_key("x" * 221)]
    )
