"""A row of `files` as a value, and the filters that select rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from portal_shared.contracts.records import pid_key
from portal_shared.runtime.mongo import Doc

from portal_downloader.domain.states import State

IDS_PER_QUERY = 200  # some databases compare a row with each of the ids


def file_id(pid: str, location: str) -> str:
    return f"{pid_key(pid)}/{location}"


@dataclass(frozen=True, slots=True)
class ListedFile:
    """What a listing or an archive needs of a file of a dataset."""

    location: str
    known_size: int | None  # None if the list of files does not have it
    sha256: str  # empty if unknown
    state: State
    reason: str | None  # why it is not available, or is retried

    @property
    def size(self) -> int:
        """Bytes; 0 if unknown."""
        return self.known_size or 0

    @property
    def is_online(self) -> bool:
        return self.state == "online"


LISTED_FIELDS: Doc = dict.fromkeys(("location", "size", "sha256", "state", "reason"), 1)


def listed_file(row: Doc) -> ListedFile:
    """Returns the file of a row with LISTED_FIELDS."""
    return ListedFile(
        row["location"], row["size"], row["sha256"] or "", row["state"], row.get("reason")
    )


@dataclass(frozen=True, slots=True)
class FileRow(ListedFile):
    """A row of `files`, as staging and the routes need it."""

    id: str
    pid: str
    path: str  # in the archive
    changed_at: datetime  # its content
    attempt: int
    mismatches: int  # times it arrived with a wrong size or checksum
    interruptions: int  # times its transfer was interrupted
    batch: str | None  # while the archive is staging it
    stage_id: str | None  # of the stage request that pins it
    owner: str | None

    @property
    def part_key(self) -> str:
        """The key of the growing file in the cache, of dataset and content."""
        return f"{pid_key(self.pid)}-{self.sha256}"

    @classmethod
    def from_row(cls, row: Doc) -> "FileRow":
        return cls(
            id=row["_id"],
            pid=row["pid"],
            location=row["location"],
            path=row["path"],
            known_size=row["size"],
            sha256=row["sha256"] or "",
            state=row["state"],
            reason=row.get("reason"),
            changed_at=row["changed_at"],
            attempt=row["attempt"],
            mismatches=row["mismatches"],
            interruptions=row["stumbles"],
            batch=row["batch"],
            stage_id=row["stage_id"],
            owner=row["owner"],
        )


@dataclass(frozen=True)
class LocationRange:
    """Locations after one, and up to another where that is known."""

    after: str
    up_to: str | None

    def row_filter(self, pid: str) -> Doc:
        bounds = {"$gt": self.after} | ({} if self.up_to is None else {"$lte": self.up_to})
        return {"pid": pid, "location": bounds}


def selection_filters(pid: str, locations: Sequence[str] | None) -> list[Doc]:
    """Returns filters that together match the selection: all of a dataset, or these locations."""
    if locations is None:
        return [{"pid": pid}]
    ids = [file_id(pid, location) for location in locations]
    return [
        {"_id": {"$in": ids[start : start + IDS_PER_QUERY]}}
        for start in range(0, len(ids), IDS_PER_QUERY)
    ]
