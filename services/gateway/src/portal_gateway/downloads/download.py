"""A download request as it is stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from portal_shared.runtime.mongo import Doc

State: TypeAlias = Literal["ARCHIVED", "RESTORING", "ONLINE", "FAILED", "CANCELLED"]
Result: TypeAlias = Literal["complete", "partial", "failed", "cancelled"]


@dataclass(frozen=True)
class Download:
    id: str
    pid: str
    requested_pid: str  # pid or DOI, as in the request
    locations: tuple[str, ...] | None  # None: all files
    requester: str
    state: State
    done: bool
    version: int
    files: int
    files_online: int
    files_failed: int
    bytes: int
    bytes_online: int
    reason: str | None
    created_at: datetime
    updated_at: datetime
    files_expired: int = 0
    waits_for: str | None = None
    place: int | None = None
    expected_at: datetime | None = None
    notify: Mapping[str, str] = field(default_factory=dict[str, str])  # addresses by channel
    failed_notices: int = 0  # attempts
    notices: Mapping[str, str] = field(default_factory=dict[str, str])  # outcomes by channel

    @property
    def result(self) -> Result | None:
        """The outcome, or None while the download has not ended."""
        if not self.done:
            return None
        if self.state == "CANCELLED":
            return "cancelled"
        if self.state == "ONLINE":
            return "complete"
        return "partial" if self.files_online else "failed"

    @classmethod
    def from_row(cls, row: Doc) -> "Download":
        """Reads a row; fields that rows of older versions lack get defaults."""
        locations = row.get("locations")
        return cls(
            id=row["_id"],
            pid=row["pid"],
            requested_pid=row.get("asked", row["pid"]),
            locations=None if locations is None else tuple(locations),
            requester=row.get("requester", ""),
            state=row["state"],
            done=row["done"],
            version=row["version"],
            files=row["files"],
            files_online=row["files_online"],
            files_failed=row["files_failed"],
            files_expired=row.get("files_expired", 0),
            bytes=row["bytes"],
            bytes_online=row["bytes_online"],
            reason=row["reason"],
            waits_for=row.get("waits_for"),
            place=row.get("place"),
            expected_at=row.get("expected_at"),
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            notify=row.get("notify") or {},
            failed_notices=row.get("notice_tries", 0),
            notices=row.get("notices") or {},
        )

    def to_row(self) -> Doc:
        """Returns the row of a new download."""
        notify: Doc = {"notify": dict(self.notify), "notify_at": self.created_at, "tells": True}
        return {
            "_id": self.id,
            "pid": self.pid,
            "asked": self.requested_pid,
            "locations": None if self.locations is None else list(self.locations),
            "listed": len(self.locations or ()),
            "requester": self.requester,
            **(notify if self.notify else {}),
            "state": self.state,
            "done": self.done,
            "version": self.version,
            "files": self.files,
            "files_online": self.files_online,
            "files_failed": self.files_failed,
            "bytes": self.bytes,
            "bytes_online": self.bytes_online,
            "reason": self.reason,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }
