"""Download requests as JSON: one for its requester, all by dataset for everybody."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from portal_shared.contracts.file_urls import data_path
from portal_shared.contracts.records import utc_text

from portal_gateway.downloads.download import Download


def download_view(download: Download) -> dict[str, Any]:
    """Returns a download as its requester sees it."""
    address = f"/api/downloads/{download.id}"
    expected_at = None if download.done else download.expected_at
    return {
        "id": download.id,
        "pid": download.pid,
        "state": download.state,
        "done": download.done,
        "files": download.files,
        "files_online": download.files_online,
        "files_failed": download.files_failed,
        "bytes": download.bytes,
        "bytes_online": download.bytes_online,
        "files_expired": download.files_expired,
        "result": download.result,
        "reason": download.reason,
        "waits_for": None if download.done else download.waits_for,
        "place": None if download.done else download.place,
        "seconds_left": _seconds_left(download),
        "notices": {**dict.fromkeys(download.notify, "pending"), **download.notices},
        "expected": utc_text(expected_at) if expected_at is not None else None,
        "created": utc_text(download.created_at),
        "updated": utc_text(download.updated_at),
        "self": address,
        "events": f"{address}/events",
        "data": data_path(download.pid),
        "listing": listing_path(download),
    }


def listing_path(download: Download) -> str:
    return f"{data_path(download.pid)}?request={download.id}"


def _seconds_left(download: Download) -> float | None:
    """Returns the remaining time from now, or None if it is not known."""
    if download.done:
        return 0.0
    if download.expected_at is None:
        return None
    return max(0.0, round((download.expected_at - datetime.now(UTC)).total_seconds(), 1))


def staging_view(downloads: Sequence[Download]) -> list[dict[str, Any]]:
    """Returns pending downloads by dataset, without anything about their requesters."""
    by_pid: dict[str, dict[str, Any]] = {}
    for download in downloads:
        view = by_pid.setdefault(
            download.pid,
            {
                "pid": download.pid,
                "state": download.state,
                "requests": 0,
                "since": utc_text(download.created_at),
                "files": 0,
                "files_online": 0,
                "bytes": 0,
                "bytes_online": 0,
                "seconds_left": None,
                "data": data_path(download.pid),
            },
        )
        view["requests"] += 1
        if download.state == "RESTORING":
            view["state"] = "RESTORING"
        if download.bytes >= view["bytes"]:  # requests overlap: show the largest one
            view["files"], view["files_online"] = download.files, download.files_online
            view["bytes"], view["bytes_online"] = download.bytes, download.bytes_online
            view["seconds_left"] = _seconds_left(download)
    return list(by_pid.values())
