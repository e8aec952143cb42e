"""Download requests as JSON: one for its requester, all by dataset for everybody."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from portal_shared.contracts.file_urls import data_path
from portal_shared.contracts.records import utc_text
from pydantic import BaseModel, Field

from portal_gateway.downloads.download import Download, Result, State


class DownloadView(BaseModel):
    """A download as its requester sees it. Times are ISO 8601 with a zone."""

    id: str
    pid: str
    state: State
    done: bool
    files: int
    files_online: int
    files_failed: int
    bytes: int
    bytes_online: int
    files_expired: int = Field(description="Files that were ready and are on tape again")
    result: Result | None = Field(description="Null until it has ended")
    reason: str | None = Field(description="Why it failed")
    waits_for: str | None = Field(description="What it waits for at the moment")
    place: int | None = Field(description="Place in the queue of the tape archive, from 1")
    seconds_left: float | None = Field(description="Expected; null if it is not known")
    notices: dict[str, str] = Field(description="Outcome of each notice: email, webhook")
    expected: str | None
    created: str
    updated: str
    self_: str = Field(serialization_alias="self", description="Address of this download")
    events: str
    data: str = Field(description="Address of the files")
    listing: str

    def as_json(self) -> dict[str, Any]:
        """Returns the fields with their public names."""
        return self.model_dump(by_alias=True)


class StagedDataset(BaseModel):
    """Files of a dataset that are being recalled; numbers are those of the largest request."""

    pid: str
    state: State
    requests: int = 0
    since: str
    files: int = 0
    files_online: int = 0
    bytes: int = 0
    bytes_online: int = 0
    seconds_left: float | None = None
    data: str


class StagingList(BaseModel):
    datasets: list[StagedDataset]
    downloads: int


def download_view(download: Download) -> DownloadView:
    """Returns a download as its requester sees it."""
    address = f"/api/downloads/{download.id}"
    expected_at = None if download.done else download.expected_at
    return DownloadView(
        id=download.id,
        pid=download.pid,
        state=download.state,
        done=download.done,
        files=download.files,
        files_online=download.files_online,
        files_failed=download.files_failed,
        bytes=download.bytes,
        bytes_online=download.bytes_online,
        files_expired=download.files_expired,
        result=download.result,
        reason=download.reason,
        waits_for=None if download.done else download.waits_for,
        place=None if download.done else download.place,
        seconds_left=_seconds_left(download),
        notices={**dict.fromkeys(download.notify, "pending"), **download.notices},
        expected=utc_text(expected_at) if expected_at is not None else None,
        created=utc_text(download.created_at),
        updated=utc_text(download.updated_at),
        self_=address,
        events=f"{address}/events",
        data=data_path(download.pid),
        listing=listing_path(download),
    )


def listing_path(download: Download) -> str:
    return f"{data_path(download.pid)}?request={download.id}"


def _seconds_left(download: Download) -> float | None:
    """Returns the remaining time from now, or None if it is not known."""
    if download.done:
        return 0.0
    if download.expected_at is None:
        return None
    return max(0.0, round((download.expected_at - datetime.now(UTC)).total_seconds(), 1))


def staging_view(downloads: Sequence[Download]) -> list[StagedDataset]:
    """Returns pending downloads by dataset, without anything about their requesters."""
    by_pid: dict[str, StagedDataset] = {}
    for download in downloads:
        view = by_pid.setdefault(
            download.pid,
            StagedDataset(
                pid=download.pid,
                state=download.state,
                since=utc_text(download.created_at),
                data=data_path(download.pid),
            ),
        )
        view.requests += 1
        if download.state == "RESTORING":
            view.state = "RESTORING"
        if download.bytes >= view.bytes:  # requests overlap: show the largest one
            view.files, view.files_online = download.files, download.files_online
            view.bytes, view.bytes_online = download.bytes, download.bytes_online
            view.seconds_left = _seconds_left(download)
    return list(by_pid.values())
