"""Names of files outside the portal."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from portal_shared.contracts.outside_names import colliding_paths, manifest_path, outside_path

NAMES = st.text(st.sampled_from('aBé.: %\\\n"CONaux1'), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("location", "path"),
    [("a/b.c", "a/b.c"), ("a:b", "a%3Ab"), ("a\\..\\b", "a%5C..%5Cb"), ("x./y ", "x%2E/y%20"),
     ("100%", "100%25"), ("a\nb", "a%0Ab"), ('<>"|?*', "%3C%3E%22%7C%3F%2A"),
     ("aux", "%61ux"), ("CON.txt", "%43ON.txt"), ("nul.tar.gz", "%6Eul.tar.gz"),
     ("com1/LPT9", "%63om1/%4CPT9"), ("console/auxiliary", "console/auxiliary"),
     ("com10", "com10"), ("Prn .x", "%50rn .x"), ("é", "é")],
)  # fmt: skip
def test_a_path_is_allowed_on_every_system(location: str, path: str) -> None:
    assert outside_path(location) == path


@given(NAMES, NAMES)
def test_different_names_stay_different_and_can_be_read_back(one: str, other: str) -> None:
    assert (outside_path(one) == outside_path(other)) == (one == other)
    assert unquote(outside_path(one)) == one
    assert unquote(manifest_path(outside_path(one))) == outside_path(one)


def test_a_manifest_escapes_percent_signs_once_more() -> None:
    assert manifest_path("data/ab%3Ac.txt") == "data/ab%253Ac.txt"
    assert manifest_path("data/a\r\nb") == "data/a%0D%0Ab"


@pytest.mark.parametrize(
    ("locations", "groups"),
    [
        (["scan.txt", "SCAN.txt", "other"], [["SCAN.txt", "scan.txt"]]),
        (["caf\u00e9", "cafe\u0301"], [["cafe\u0301", "caf\u00e9"]]),
        (["stra\u00dfe", "STRASSE"], [["STRASSE", "stra\u00dfe"]]),
        (["A/x", "a/y"], [["A", "a"]]),
        (["a/x", "b/X"], []),
        (["x", "x"], []),
    ],
)
def test_paths_that_are_one_elsewhere_are_grouped(
    locations: list[str], groups: list[list[str]]
) -> None:
    assert colliding_paths(locations) == groups
