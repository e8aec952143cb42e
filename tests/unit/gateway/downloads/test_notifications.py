"""Notices of ended downloads, and what their requester sees of them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from portal_gateway.downloads.download import Download
from portal_gateway.downloads.notifications import build_message
from portal_gateway.downloads.views import download_view
from portal_gateway.settings import GatewaySettings

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def download(**more: Any) -> Download:
    counts = {"files": 3, "files_online": 2, "files_failed": 1, "bytes": 30, "bytes_online": 20}
    fixed = {"_id": "r1", "pid": "a/b", "state": "ONLINE", "done": True, "reason": None}
    request = {"asked": "a/b", "locations": None, "requester": "", "version": 1}
    times = {"created_at": NOW, "updated_at": NOW}
    return Download.from_row({**fixed, **request, **counts, **times, **more})


def test_a_mail_of_a_complete_download_has_the_address_of_the_files() -> None:
    mail = build_message(download(), "x@example.org", GatewaySettings(site_url="https://p.example"))
    assert mail["Subject"] == "Your download of a/b is ready"
    assert "https://p.example/data/a%2Fb/" in mail.get_content()


def test_a_mail_of_a_partial_download_has_counts_and_the_reason() -> None:
    mail = build_message(
        download(state="FAILED", reason="lost: x"), "x@example.org", GatewaySettings()
    )
    text = mail.get_content()
    assert mail["Subject"] == "Your download of a/b is ready in part"
    assert "/data/a%2Fb/?request=r1" in text
    assert "2 of 3 files are ready" in text
    assert "lost: x" in text


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"done": False, "state": "RESTORING"}, None),
        ({"files_online": 3}, "complete"),
        ({"state": "FAILED"}, "partial"),
        ({"state": "FAILED", "files_online": 0}, "failed"),
        ({"state": "CANCELLED"}, "cancelled"),
    ],
)
def test_each_outcome_has_a_result(more: dict[str, Any], expected: str | None) -> None:
    view = download_view(download(**more)).as_json()
    assert (view["result"], view["listing"]) == (expected, "/data/a%2Fb/?request=r1")


def test_the_requester_sees_what_became_of_each_notice_and_no_address() -> None:
    addresses = {"email": "x@example.org", "webhook": "https://hook.example/"}
    reported = download_view(download(notify=addresses, notices={"webhook": "failed: x"})).as_json()
    assert reported["notices"] == {"email": "pending", "webhook": "failed: x"}
    assert "example" not in str(reported)
