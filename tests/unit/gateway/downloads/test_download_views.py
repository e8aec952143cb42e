"""A download as its requester sees it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from portal_gateway.downloads.download import Download
from portal_gateway.downloads.views import download_view

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROW: dict[str, Any] = {
    "_id": "r1", "pid": "a/b", "state": "RESTORING", "done": False, "reason": None,
    "files": 3, "files_online": 1, "files_failed": 0, "bytes": 30, "bytes_online": 10,
    "created_at": NOW, "updated_at": NOW,
    "asked": "a/b", "locations": None, "requester": "", "version": 1,
}  # fmt: skip


def view(**changes: Any) -> dict[str, Any]:
    return download_view(Download.from_row({**ROW, **changes})).as_json()


def test_the_reason_to_wait_is_shown_until_the_download_has_ended() -> None:
    waiting = {"waits_for": "the cache is full", "place": 4}
    assert (view(**waiting)["waits_for"], view(**waiting)["place"]) == ("the cache is full", 4)
    ended = view(**waiting, state="ONLINE", done=True)
    assert (ended["waits_for"], ended["place"], ended["seconds_left"]) == (None, None, 0.0)
    assert view()["waits_for"] is None


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
def test_the_result_of_each_state(change: dict[str, Any], result: str | None) -> None:
    assert view(**change)["result"] == result


def test_a_new_download_is_read_back_as_it_was_stored() -> None:
    new = Download.from_row({**ROW, "locations": ["a.tif"], "notify": {"email": "x@example.org"}})
    row = new.to_row()
    assert Download.from_row(row) == new
    assert (row["tells"], row["notify_at"]) == (True, NOW)
    assert "notify_at" not in Download.from_row(ROW).to_row()
