"""Records that are marked many times in short order are indexed once, after a limited delay."""

from datetime import UTC, datetime, timedelta
from typing import Any

from portal_indexer.marks.debounce import (
    MAX_DELAY,
    MAX_UNDELAYED_RECORDS,
    QUIET_PERIOD,
    select_ready,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def mark(pid: str, ago: timedelta | None, number: int = 0) -> dict[str, Any]:
    at = {} if ago is None else {"at": NOW - ago}
    return {"_id": f"{pid}/{number}", "pid": pid, **at}


def new_marks() -> list[dict[str, Any]]:
    return [mark(f"new {n}", timedelta(seconds=1)) for n in range(MAX_UNDELAYED_RECORDS)]


def test_a_single_record_is_ready_at_once() -> None:
    marks = [mark("a", timedelta(0)), mark("a", timedelta(0), 1)]
    assert select_ready(marks, NOW, 10) == {"a": ["a/0", "a/1"]}


def test_among_many_a_record_waits_for_a_quiet_period() -> None:
    marks = [
        *new_marks(),
        mark("settled", QUIET_PERIOD),
        mark("busy", QUIET_PERIOD),
        mark("busy", timedelta(seconds=1), 1),
    ]
    assert select_ready(marks, NOW, 10) == {"settled": ["settled/0"]}


def test_no_record_waits_longer_than_the_maximal_delay() -> None:
    marks = [*new_marks(), *(mark("busy", MAX_DELAY - timedelta(seconds=n), n) for n in range(12))]
    assert list(select_ready(marks, NOW, 10)) == ["busy"]


def test_the_longest_waiting_records_come_first_up_to_the_limit() -> None:
    marks = [mark(f"r{n}", timedelta(seconds=n)) for n in range(20)]
    assert list(select_ready(marks, NOW, 2)) == ["r19", "r18"]


def test_a_mark_without_a_time_counts_as_old() -> None:
    assert "old" in select_ready([*new_marks(), mark("old", None)], NOW, 10)
