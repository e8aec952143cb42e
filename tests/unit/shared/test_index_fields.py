"""Keys of documents in the index of datasets, and the pids they contain."""

import hypothesis.strategies as st
from hypothesis import given
from portal_shared.search import index_fields

PIDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255)
LONG = st.integers(215, 225).map(lambda n: "x" * n) | st.integers(105, 115).map(lambda n: "é" * n)


@given(st.sets(PIDS | LONG, max_size=8))
def test_keys_know_whether_they_contain_all_pids(pids: set[str]) -> None:
    keys = [index_fields.ancestor_key(pid) for pid in pids]
    found = [index_fields.ancestor_pid(one) for one in keys]
    assert index_fields.all_pids_known(keys) == (None not in found)
    assert {pid for pid in found if pid} <= pids


@given(st.sets(PIDS | LONG, max_size=8))
def test_keys_sort_like_their_pids(pids: set[str]) -> None:
    keys = sorted(
        n for pid in pids if index_fields.all_pids_known([n := index_fields.ancestor_key(pid)])
    )
    found = [index_fields.ancestor_pid(one) for one in keys]
    assert found == sorted(pid for pid in found if pid)


def test_a_key_contains_a_pid_of_up_to_220_bytes() -> None:
    assert index_fields.all_pids_known(
        [index_fields.ancestor_key("x" * 220), index_fields.ancestor_key("é" * 110)]
    )
    assert not index_fields.all_pids_known(
        [index_fields.ancestor_key("x"), index_fields.ancestor_key("x" * 221)]
    )
