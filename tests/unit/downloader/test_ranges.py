"""Range headers (RFC 9110, section 14)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from portal_downloader.http.ranges import MAX_RANGES, Span, Unsatisfiable, parse_range


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-9", [(0, 9)]),
        ("bytes=90-", [(90, 99)]),
        ("bytes=90-1000", [(90, 99)]),
        ("bytes=90-" + "9" * 1000, [(90, 99)]),
        ("bytes=-" + "9" * 1000, [(0, 99)]),
        ("bytes=-10", [(90, 99)]),
        ("bytes=-1000", [(0, 99)]),
        ("BYTES = 0-0", [(0, 0)]),
        ("bytes=0-0,50-59", [(0, 0), (50, 59)]),
        ("bytes=50-59, 0-0", [(50, 59), (0, 0)]),
        ("bytes=0-9,10-19", [(0, 19)]),
        ("bytes=0-,0-,0-", [(0, 99)]),
        ("bytes=0-9,200-300", [(0, 9)]),
        ("bytes=99-99", [(99, 99)]),
        ("lines=0-9", None),
        ("bytes=9-0", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=1-2-3", None),
        ("bytes=", None),
        ("bytes", None),
        ("bytes=0-9;10-19", None),
        ("bytes=+1-5", None),
        ("bytes=٣-٤", None),
    ],
)
def test_ranges_of_a_header(header: str | None, expected: list[tuple[int, int]] | None) -> None:
    found = parse_range(header, 100)
    assert found == (None if expected is None else tuple(Span(*e) for e in expected))


@pytest.mark.parametrize(
    "header",
    [
        "bytes=100-",
        "bytes=-0",
        "bytes=100-200,300-400",
        "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 2 * MAX_RANGES + 2, 2)),
        "bytes=" + "0-1," * 10_000,
        "bytes=9999999999999999999-",
        "bytes=" + "9" * 1000 + "-",
        "bytes=" + "9" * 5000 + "-",
    ],
)
def test_an_unsatisfiable_range_is_refused(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        parse_range(header, 100)


def test_an_empty_file_has_no_ranges() -> None:
    for header in ("bytes=0-", "bytes=-1", "bytes=0-0"):
        with pytest.raises(Unsatisfiable):
            parse_range(header, 0)


@given(st.text(alphabet="bytes=0123456789-, ", max_size=40), st.integers(0, 1000))
def test_no_range_header_returns_more_than_the_file(header: str, size: int) -> None:
    try:
        found = parse_range(header, size)
    except Unsatisfiable:
        return
    covered = [n for s in found or () for n in range(s.first, s.last + 1)]
    assert len(covered) == len(set(covered))
    assert all(0 <= n < size for n in covered)
