"""How long a request may still take."""

from portal_downloader.domain.estimates import (
    Extent,
    Throughput,
    UsualPace,
    seconds_if_requested,
    seconds_left,
)

NOTHING = Extent(0, 0)


def guessed(
    pace: Throughput,
    *,
    left: Extent,
    arrived: Extent = NOTHING,
    since: float | None = None,
    ahead: Extent = NOTHING,
    everything: Extent | None = None,
) -> float | None:
    """The estimate at moment 100, where the request is the only one."""
    return seconds_left(
        left=left, arrived=arrived, since=since, ahead=ahead, everything=everything or left,
        throughput=pace, now=100.0,
    )  # fmt: skip


def each(seconds: float, *, until: float, files: int) -> Throughput:
    """Files of 100 bytes that came so many seconds after one another."""
    pace = Throughput()
    for number in reversed(range(files)):
        pace.record(until - number * seconds, 100)
    return pace


def test_without_samples_there_is_no_estimate() -> None:
    assert guessed(Throughput(), left=Extent(10, 1000)) is None


def test_before_anything_came_the_pace_of_others_and_the_queue_count() -> None:
    pace = each(1, until=100, files=11)
    assert guessed(pace, left=Extent(10, 1000)) == 10.0
    assert guessed(pace, left=Extent(10, 1000), ahead=Extent(20, 2000)) == 30.0


def test_its_own_pace_counts_once_enough_came() -> None:
    left, arrived_at = Extent(5, 500), Extent(10, 1000)
    assert guessed(Throughput(), left=left, arrived=arrived_at, since=60) == 30.0


def test_the_estimate_is_bounded_by_the_time_for_all_requests() -> None:
    pace = each(1, until=100, files=60)
    left, arrived_at = Extent(10, 1000), Extent(10, 1000)
    of_all = Extent(30, 3000)
    assert guessed(pace, left=left, arrived=arrived_at, since=60, everything=of_all) == 30.0
    of_all = Extent(6000, 600_000)
    assert guessed(pace, left=left, arrived=arrived_at, since=60, everything=of_all) == 60.0


def test_old_samples_are_dropped() -> None:
    pace = each(0.1, until=100, files=2000)  # more than are remembered
    left, arrived_at = Extent(10, 1000), Extent(10, 1000)
    found = guessed(pace, left=left, arrived=arrived_at, since=200, everything=Extent(100, 10_000))
    assert found is not None
    assert abs(found - 10) < 0.1


def test_when_nothing_is_left_no_time_is() -> None:
    assert guessed(Throughput(), left=NOTHING) == 0.0


def test_a_pause_in_which_nobody_wanted_files_does_not_count() -> None:
    pace = each(1, until=100, files=6)
    pace.record(100 + 8 * 3600, 100)
    pace.record(101 + 8 * 3600, 100)
    assert pace.seconds_for(Extent(7, 700)) == 6.0


USUAL = UsualPace(first_seconds=180, bytes_per_second=10)


def test_before_a_request_the_usual_pace_counts_while_none_is_known() -> None:
    new, ahead = Extent(10, 1000), Extent(2, 200)
    found = seconds_if_requested(new, ahead, throughput=Throughput(), usual=USUAL)
    assert found == (180 + 120, "usual")


def test_before_a_request_the_pace_of_others_and_the_queue_count() -> None:
    pace = each(1, until=100, files=11)
    new, ahead = Extent(10, 1000), Extent(20, 2000)
    assert seconds_if_requested(new, ahead, throughput=pace, usual=USUAL) == (180 + 30, "recent")


def test_what_is_online_takes_no_time() -> None:
    found = seconds_if_requested(NOTHING, NOTHING, throughput=Throughput(), usual=USUAL)
    assert found == (0.0, "online")
