"""Whose files go next, when what waits is known by heaps."""

from datetime import UTC, datetime, timedelta

from portal_downloader.domain.batch_policy import BatchPolicy
from portal_downloader.domain.fair_share import FairShare, InFlight, WaitingGroup

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BATCHING = BatchPolicy(window=0, max_files=300, max_in_flight=1000, max_tapes=2)


def heap(
    requester: str, group: str, *, files: int = 1, priority: int = 0, age: int = 0, path: str = "/p"
) -> WaitingGroup:
    return WaitingGroup(requester, group, priority, files, NOW - timedelta(seconds=age), path)


def order(
    heaps: list[WaitingGroup], loads: list[InFlight] | None = None, *, of: int = 1
) -> list[str]:
    """Groups in turn; each time so many files of whoever the first heap of the group is of."""
    turns = FairShare(BATCHING, heaps, loads or [])
    found: list[str] = []
    while (group := turns.next_group()) is not None:
        found.append(group)
        turns.charge([next(h.requester for h in heaps if h.group == group)] * of)
    return found


def test_requesters_take_turns_with_their_oldest_files() -> None:
    heaps = [heap("a", f"folder a{n}", age=9 - n) for n in range(3)] + [heap("b", "folder b")]
    assert order(heaps) == ["folder a0", "folder b", "folder a1", "folder a2"]


def test_who_has_much_at_the_archive_comes_later() -> None:
    heaps = [heap("a", "folder a", age=9), heap("b", "folder b")]
    assert order(heaps, [InFlight("a", "folder x", 5)]) == ["folder b", "folder a"]


def test_a_group_goes_once_for_all_who_wait_for_it() -> None:
    heaps = [heap("a", "folder x"), heap("b", "folder x"), heap("b", "folder y", path="/q")]
    assert sorted(order(heaps)) == ["folder x", "folder y"]


def test_priority_precedes_waiting_time_and_path() -> None:
    heaps = [
        heap("a", "folder old", age=99),
        heap("a", "folder z", priority=1, path="/z"),
        heap("a", "folder y", priority=1, path="/y"),
    ]
    assert order(heaps) == ["folder y", "folder z", "folder old"]


def test_tapes_in_use_are_limited_and_a_tape_in_use_gets_no_request() -> None:
    heaps = [heap("a", f"tape {n}", age=9 - n) for n in range(4)] + [heap("a", "folder f")]
    assert order(heaps, [InFlight("b", "tape 0", 1)]) == ["tape 1", "folder f"]
