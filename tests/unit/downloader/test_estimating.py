"""How long a request may still take."""

from portal_downloader.estimating import Extent, Pace, seconds_left

NOTHING = Extent(0, 0)


def test_without_anything_to_go_by_nothing_is_said() -> None:
    left = seconds_left(left=Extent(10, 1000), came=NOTHING, since=None, ahead=NOTHING, pace=Pace())
    assert left is None


def test_before_anything_came_the_pace_of_others_and_the_queue_count() -> None:
    pace = Pace()
    for second in range(11):
        pace.note(float(second), 100)
    alone = seconds_left(left=Extent(10, 1000), came=NOTHING, since=None, ahead=NOTHING, pace=pace)
    behind = seconds_left(
        left=Extent(10, 1000), came=NOTHING, since=None, ahead=Extent(20, 2000), pace=pace
    )
    assert (alone, behind) == (10.0, 30.0)


def test_its_own_pace_counts_once_enough_came() -> None:
    left = seconds_left(
        left=Extent(5, 500), came=Extent(10, 1000), since=60.0, ahead=NOTHING, pace=Pace()
    )
    assert left == 30.0


def test_when_nothing_is_left_no_time_is() -> None:
    done = seconds_left(left=NOTHING, came=NOTHING, since=None, ahead=NOTHING, pace=Pace())
    assert done == 0.0
