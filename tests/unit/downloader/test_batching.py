"""When files are staged, and which together."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from portal_downloader.batching import Batching

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_batch_waits_for_company_until_the_window_ends_or_it_is_full() -> None:
    batching = Batching(window=60, most=3)
    assert batching.seconds_left(oldest=NOW, waiting=1, now=NOW + timedelta(seconds=20)) == 40
    assert batching.seconds_left(oldest=NOW, waiting=1, now=NOW + timedelta(seconds=60)) == 0
    assert batching.seconds_left(oldest=NOW, waiting=3, now=NOW) == 0


def test_folders_are_not_divided_where_they_need_not_be() -> None:
    batching = Batching(window=0, most=4)
    assert batching.first(["/a/1", "/a/2", "/b/1", "/b/2", "/b/3"]) == ["/a/1", "/a/2"]
    assert batching.first(["/a/1", "/a/2", "/a/3", "/a/4", "/a/5"]) == [
        "/a/1",
        "/a/2",
        "/a/3",
        "/a/4",
    ]
    assert batching.first(["/a/1", "/b/1"]) == ["/a/1", "/b/1"]


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=30), st.integers(1, 10))
def test_a_batch_is_never_empty_nor_too_large(folders: list[str], most: int) -> None:
    paths = sorted(f"/{f}/{n}" for n, f in enumerate(folders))
    first = Batching(window=0, most=most).first(paths)
    assert 1 <= len(first) <= most
    assert paths[: len(first)] == first
