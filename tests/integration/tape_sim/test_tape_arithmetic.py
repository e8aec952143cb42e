"""The pure parts: places, positions, durations, ranges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from portal_local.tape.api.durations import parse_duration
from portal_local.tape.api.ranges import Unsatisfiable, parse_range
from portal_local.tape.library.physics import Physics, next_position


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        ("PT24H", 86400),
        ("P1D", 86400),
        ("P2W", 1209600),
        ("P1DT2H3M4.5S", 93784.5),
        ("PT0S", 0),
        ("P99999999D", 10 * 365 * 86400),
    ],
)
def test_durations_are_read(duration: str, expected: float) -> None:
    assert parse_duration(duration) == expected


@pytest.mark.parametrize("text", ["", "P", "PT", "P1", "1D", "P1Y", "P1DT", "P-1D", "PT1H ", "24h"])
def test_an_invalid_duration_is_none(text: str) -> None:
    assert parse_duration(text) is None


@given(st.text(max_size=20), st.integers(0, 10**6), st.integers(1, 500), st.integers(1, 80))
def test_every_place_is_on_a_tape(family: str, rank: int, files: int, tapes: int) -> None:
    physics = Physics(files_per_tape=files, tapes=tapes)
    place = physics.position_of(family, rank)
    assert 0 <= place.position < files
    assert 0 <= int(place.tape[2:]) < tapes
    assert place == physics.position_of(family, rank)


def test_a_family_is_the_first_two_folders() -> None:
    family = Physics().family
    assert family("/a/b/c/d") == family("/a/b/e") == "/a/b"
    assert family("/a/b") == "/a"
    assert family("/a") == "/"


@given(st.lists(st.integers(0, 400), min_size=1, unique=True))
def test_serving_by_position_passes_the_tape_once(positions: list[int]) -> None:
    served, head, left = [], 0, set(positions)
    while left:
        head = next_position(left, head)
        served.append(head)
        left.remove(head)
    assert served == sorted(positions)


def test_order_wins() -> None:
    physics = Physics()
    scattered = [7, 300, 20, 250, 90]

    def winding(order: list[int]) -> float:
        heads = [0, *(position + 1 for position in order)]
        return sum(physics.seek_seconds(h, p) for h, p in zip(heads, order, strict=False))

    assert winding(sorted(scattered)) < winding(scattered) / 3
    assert physics.seek_seconds(8, 8) == 0


@given(st.integers(1, 1000), st.integers(0, 1200), st.integers(0, 1200))
def test_a_range_lies_within_the_file(size: int, first: int, last: int) -> None:
    try:
        found = parse_range(f"bytes={first}-{last}", size)
    except Unsatisfiable:
        assert first >= size
    else:
        assert found == (None if last < first else (first, min(last, size - 1)))
