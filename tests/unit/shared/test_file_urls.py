"""Public addresses of files: there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from portal_shared.contracts.file_urls import data_path, parse_data_path

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(NAMES, NAMES)
def test_an_address_names_what_it_was_made_from(pid: str, location: str) -> None:
    assert parse_data_path(data_path(pid, location).encode()) == (pid, location)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"/data/a%2Fb/c/d", ("a/b", "c/d")),
        (b"/data/a/", ("a", "")),
        (b"/data/a", ("a", "")),
        (b"/data/a/..%2f..%2fetc", None),
        (b"/data/a/b%2Fc", None),
        (b"/data//x", None),
        (b"/data/", None),
        (b"/other/a/b", None),
        (b"/data/%ff/x", None),
        (b"/data/a/%00", None),
    ],
)
def test_only_an_address_of_data_is_read(raw: bytes, expected: tuple[str, str] | None) -> None:
    assert parse_data_path(raw) == expected
