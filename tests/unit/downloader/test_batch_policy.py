"""When files are staged, how many together, and whose go first."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from portal_downloader.domain.batch_policy import (
    BatchPolicy,
    Share,
    TapeLocation,
    group_of,
    lowest_share,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_batch_waits_for_company_until_the_window_ends_or_it_is_full() -> None:
    batching = BatchPolicy(window=60, max_files=3, max_in_flight=10)
    assert batching.seconds_left(oldest=NOW, waiting=1, now=NOW + timedelta(seconds=20)) == 40
    assert batching.seconds_left(oldest=NOW, waiting=1, now=NOW + timedelta(seconds=60)) == 0
    assert batching.seconds_left(oldest=NOW, waiting=3, now=NOW) == 0


def test_no_more_is_under_way_than_may_be() -> None:
    batching = BatchPolicy(window=0, max_files=300, max_in_flight=1000)
    assert [batching.capacity(n) for n in (0, 800, 1000, 1300)] == [300, 200, 0, 0]


def test_room_for_a_few_is_no_request_while_many_wait() -> None:
    batching = BatchPolicy(window=0, max_files=300, max_in_flight=500)
    worth = [n for n in range(301) if batching.is_large_enough(n, max_files=300, waiting=4000)]
    assert worth == list(range(150, 301))
    assert batching.is_large_enough(1, max_files=300, waiting=3)
    assert batching.is_large_enough(2, max_files=4, waiting=4000)  # after a request was too much
    assert not batching.is_large_enough(0, max_files=1, waiting=1)
    assert BatchPolicy(window=0, max_files=300, max_in_flight=2).is_large_enough(
        1, max_files=300, waiting=9
    )


def test_files_go_together_by_tape_or_else_by_folder() -> None:
    assert group_of("/a/b/c", None) == group_of("/a/b/d", None)
    assert group_of("/a/b/c", TapeLocation("T1", 1)) == group_of("/x/y", TapeLocation("T1", 9))
    assert group_of("/a/b/c", TapeLocation("T1", 1)) != group_of("/a/b/c", TapeLocation("T2", 1))


def share(name: str, *, under_way: int = 0, priority: int = 0, age: int = 0) -> Share:
    oldest = NOW - timedelta(seconds=age)
    return Share(name, priority, waiting=1, oldest=oldest, in_flight=under_way)


def test_who_has_least_under_way_leads() -> None:
    assert lowest_share([share("a", under_way=100, age=9), share("b", under_way=3)]) == share(
        "b", under_way=3
    )
    assert lowest_share([share("a", age=1), share("b", age=2)]) == share("b", age=2)
    assert lowest_share([]) is None


def test_each_step_of_priority_doubles_a_share() -> None:
    patient, urgent = share("a", under_way=50), share("b", under_way=99, priority=1)
    assert lowest_share([patient, urgent]) is urgent
    urgent.in_flight = 101
    assert lowest_share([patient, urgent]) is patient


@settings(deadline=None)  # the machine may be busy with others
@given(st.lists(st.integers(1, 60), min_size=2, max_size=6))
def test_while_all_wait_no_share_grows_beyond_another(waiting: list[int]) -> None:
    shares = [share(str(n)) for n in range(len(waiting))]
    for each, count in zip(shares, waiting, strict=True):
        each.waiting = count
    while all(s.waiting for s in shares):
        leading = lowest_share(shares)
        assert leading is not None
        leading.waiting -= 1
        leading.in_flight += 1
        served = [s.in_flight for s in shares]
        assert max(served) - min(served) <= 1
