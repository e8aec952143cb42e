"""Notices of ended downloads: content, and hosts that are never called."""

from datetime import UTC, datetime
from typing import Any

import pytest
from portal_gateway.downloads.download import Download
from portal_gateway.downloads.notifications import _is_public, build_message
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
    ("address", "public"),
    [("127.0.0.1", False), ("10.1.2.3", False), ("169.254.169.254", False), ("::1", False),
     ("::ffff:10.0.0.1", False), ("fd00::1", False), ("8.8.8.8", True)],
)  # fmt: skip
def test_hosts_that_are_not_public_are_not_called(address: str, public: bool) -> None:  # noqa: FBT001
    assert _is_public(address) is public


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
    view = download_view(download(**more))
    assert (view["result"], view["listing"]) == (expected, "/data/a%2Fb/?request=r1")
