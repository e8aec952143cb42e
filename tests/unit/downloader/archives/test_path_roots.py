"""Paths that an archive reports from a root of its own."""

import pytest
from portal_downloader.archives.path_roots import match_paths

A, B, C = "/tape1/d/a.bin", "/tape1/d/b.bin", "/tape1/e/a.bin"


@pytest.mark.parametrize("root", ["/door", "/pnfs/site.example/data"])
def test_a_root_in_front_of_reported_paths_is_removed(root: str) -> None:
    reported = [f"{root}{path}" for path in (A, B, C)]
    assert match_paths([A, B, C], reported) == dict(zip(reported, (A, B, C), strict=True))
    assert match_paths([A], reported[:1]) == {f"{root}{A}": A}
    assert match_paths([B], reported) == {f"{root}{B}": B}  # the others have arrived before


def test_folders_that_reported_paths_leave_out_are_added() -> None:
    assert match_paths([A, B, C], ["/d/a.bin", "/d/b.bin", "/e/a.bin"]) == {
        "/d/a.bin": A,
        "/d/b.bin": B,
        "/e/a.bin": C,
    }


def test_folders_that_a_link_or_another_root_replaces_are_exchanged() -> None:
    reported = ["/fs/site/real/d/a.bin", "/fs/site/real/d/b.bin", "/fs/site/real/e/a.bin"]
    assert match_paths([A, B, C], reported) == dict(zip(reported, (A, B, C), strict=True))
    assert match_paths(["/pnfs/s/t/a.bin"], ["/fs/s/t/a.bin"]) == {
        "/fs/s/t/a.bin": "/pnfs/s/t/a.bin"
    }


def test_paths_that_are_reported_percent_encoded_match() -> None:
    assert match_paths(["/t/a b.bin", A], ["/t/a%20b.bin", A]) == {
        "/t/a%20b.bin": "/t/a b.bin",
        A: A,
    }
    assert match_paths(["/t/a%20b", "/t/a b"], ["/t/a%20b"]) == {"/t/a%20b": "/t/a%20b"}


def test_equal_paths_match_and_what_is_left_out_stays_unknown() -> None:
    assert match_paths([A, B], [A]) == {A: A}
    assert match_paths([A, B], [A, "/door/other.bin"]) == {A: A}
    assert match_paths([A], []) == {}
    assert match_paths([], [A]) == {}


def test_the_root_that_explains_most_is_taken() -> None:
    copies = ["/x/tape1/d/a.bin", "/y/tape1/d/a.bin", "/y/tape1/d/b.bin"]
    assert match_paths([A, B], copies) == {copies[1]: A, copies[2]: B}


@pytest.mark.parametrize(
    ("requested", "reported"),
    [
        ([A], ["/x/tape1/d/a.bin", "/y/tape1/d/a.bin"]),  # two roots explain the same
        (["/d/2/a.bin"], ["/d/1/a.bin"]),  # another file
        (["/d/a.bin"], ["/other-d/a.bin"]),
        ([A], ["/tape1/d/a.bin.old"]),
        ([A], ["a.bin"]),
    ],
)
def test_what_is_not_certain_does_not_match(requested: list[str], reported: list[str]) -> None:
    assert match_paths(requested, reported) == {}


def test_many_paths_match_in_one_pass() -> None:
    requested = [f"/tape/{number % 7}/{number}" for number in range(2000)]
    reported = [f"/door{path}" for path in requested]
    assert match_paths(requested, reported) == dict(zip(reported, requested, strict=True))
