"""A download as its reader sees it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from portal_gateway.downloads.views import told

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROW: dict[str, Any] = {
    "_id": "r1", "pid": "a/b", "state": "RESTORING", "done": False, "reason": None,
    "files": 3, "files_online": 1, "files_failed": 0, "bytes": 30, "bytes_online": 10,
    "created_at": NOW, "updated_at": NOW,
}  # fmt: skip


def test_what_holds_it_up_is_told_until_it_has_ended() -> None:
    held = {**ROW, "waits_for": "the cache is full", "place": 4}
    assert (told(held)["waits_for"], told(held)["place"]) == ("the cache is full", 4)
    ended = told({**held, "state": "ONLINE", "done": True})
    assert (ended["waits_for"], ended["place"], ended["seconds_left"]) == (None, None, 0.0)
    assert told(ROW)["waits_for"] is None


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ({}, None),
        ({"state": "ONLINE", "done": True, "files_online": 3}, "complete"),
        ({"state": "FAILED", "done": True, "files_failed": 2}, "partial"),
        ({"state": "FAILED", "done": True, "files_online": 0, "files_failed": 3}, "failed"),
        ({"state": "CANCELLED", "done": True}, "cancelled"),
    ],
)
def test_what_came_of_it_is_told_in_a_word(change: dict[str, Any], result: str | None) -> None:
    assert told({**ROW, **change})["result"] == result
