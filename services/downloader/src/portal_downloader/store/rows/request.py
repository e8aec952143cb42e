"""A row of `requests` as a value."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal_shared.runtime.mongo import Doc
from portal_shared.runtime.telemetry.origin import Origin

from portal_downloader.domain.estimates import Extent

PROGRESS_FIELDS = (
    "state", "files", "files_online", "files_failed", "files_expired", "bytes", "bytes_online",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Estimate:
    """How many seconds a download was said to take, and when."""

    at: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A download request, as the staging workers need it."""

    id: str
    pid: str
    locations: tuple[str, ...] | None  # None for all files
    following: str | None  # files after this location are still to be queued; None when all are
    requester: str
    priority: int
    version: int  # of the newest event
    requested_at: datetime
    origin: Origin
    progress: dict[str, Any]  # PROGRESS_FIELDS of the newest event; without those not published
    first_at: datetime | None  # when the first files were online
    first: Extent | None  # which were these
    estimate: Estimate | None  # the first one

    @classmethod
    def from_row(cls, row: Doc) -> "RequestRow":
        first: dict[str, int] | None = row.get("first")
        estimate: Doc | None = row.get("estimate")
        return cls(
            id=row["_id"],
            pid=row["pid"],
            locations=None if row["locations"] is None else tuple(row["locations"]),
            following=row.get("next"),
            requester=row.get("requester") or "",
            priority=row.get("priority") or 0,
            version=row["version"],
            requested_at=row["requested_at"],
            origin=Origin.of_row(row),
            progress={name: row[name] for name in PROGRESS_FIELDS if name in row},
            first_at=row.get("first_at"),
            first=None if first is None else Extent(first["files"], first["bytes"]),
            estimate=None if estimate is None else Estimate(estimate["at"], estimate["seconds"]),
        )
