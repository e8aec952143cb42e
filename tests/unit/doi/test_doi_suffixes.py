"""Suffixes: constant for a pid, and a wrong character is detected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from portal_doi.domain import suffix as suffixes

PIDS = st.text(min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("pid", "suffix"),
    [("a", "sabr-24pa-3eyv"), ("organ", "w3xp-wv33-0msc"), ("LADAF-2021-17", "7hfg-a8cc-zw3e")],
)
def test_a_suffix_never_changes(pid: str, suffix: str) -> None:
    assert suffixes.suffix(pid) == suffix


@given(PIDS, st.integers(0, 5))
def test_every_suffix_is_valid_and_lower_case(pid: str, attempt: int) -> None:
    made = suffixes.suffix(pid, attempt)
    assert suffixes.is_valid(made)
    assert made == made.lower()


@given(PIDS)
def test_another_attempt_is_another_suffix(pid: str) -> None:
    assert len({suffixes.suffix(pid, n) for n in range(4)}) == 4


@given(PIDS, st.integers(0, 11), st.sampled_from(suffixes.ALPHABET))
def test_one_wrong_character_is_detected(pid: str, place: int, other: str) -> None:
    letters = suffixes.suffix(pid).replace("-", "")
    wrong = letters[:place] + other + letters[place + 1 :]
    grouped = "-".join(wrong[n : n + 4] for n in (0, 4, 8))
    assert suffixes.is_valid(grouped) == (wrong == letters)


@given(PIDS, st.integers(0, 11), st.integers(0, 11))
def test_two_exchanged_characters_are_detected(pid: str, one: int, other: int) -> None:
    letters = list(suffixes.suffix(pid).replace("-", ""))
    wrong = letters.copy()
    wrong[one], wrong[other] = wrong[other], wrong[one]
    grouped = "-".join("".join(wrong[n : n + 4]) for n in (0, 4, 8))
    assert suffixes.is_valid(grouped) == (wrong == letters)


@pytest.mark.parametrize("text", ["", "sabr-24pa", "SABR-24PA-3EYV", "sabr-24pa-3eyi", "kidney"])
def test_a_suffix_of_another_shape_is_not_ours(text: str) -> None:
    assert not suffixes.has_our_shape(text)
    assert not suffixes.is_valid(text)
