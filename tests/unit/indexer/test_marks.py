"""Records that are marked again and again are packed once, and none waits for ever."""

from datetime import UTC, datetime, timedelta
from typing import Any

from portal_indexer.debounce import CROWD, PATIENCE, QUIET, ready

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def mark(pid: str, ago: timedelta | None, number: int = 0) -> dict[str, Any]:
    at = {} if ago is None else {"at": NOW - ago}
    return {"_id": f"{pid}/{number}", "pid": pid, **at}


def crowd() -> list[dict[str, Any]]:
    return [mark(f"new {n}", timedelta(seconds=1)) for n in range(CROWD)]


def test_alone_it_is_ready_at_once() -> None:
    marks = [mark("a", timedelta(0)), mark("a", timedelta(0), 1)]
    assert ready(marks, NOW, 10) == {"a": ["a/0", "a/1"]}


def test_in_a_crowd_it_waits_until_nothing_marks_it() -> None:
    marks = [
        *crowd(),
        mark("settled", QUIET),
        mark("busy", QUIET),
        mark("busy", timedelta(seconds=1), 1),
    ]
    assert ready(marks, NOW, 10) == {"settled": ["settled/0"]}


def test_it_does_not_wait_for_ever() -> None:
    marks = [*crowd(), *(mark("busy", PATIENCE - timedelta(seconds=n), n) for n in range(12))]
    assert list(ready(marks, NOW, 10)) == ["busy"]


def test_those_that_wait_longest_come_first_and_no_more_than_asked_for() -> None:
    marks = [mark(f"r{n}", timedelta(seconds=n)) for n in range(20)]
    assert list(ready(marks, NOW, 2)) == ["r19", "r18"]


def test_a_mark_of_before_there_were_times_is_old() -> None:
    assert "old" in ready([*crowd(), mark("old", None)], NOW, 10)
