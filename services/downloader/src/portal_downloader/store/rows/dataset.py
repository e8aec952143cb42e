"""A row of `datasets` as a value."""

from dataclasses import dataclass
from datetime import datetime

from portal_shared.contracts.records import Availability
from portal_shared.runtime.mongo import Doc

from portal_downloader.domain.file_rows import EPOCH


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """A dataset, of which the record or the list of files may not have arrived yet."""

    pid: str
    version: int | None  # of its record; None until that arrives
    is_public: bool
    was_public: bool
    withdrawn: str | None  # the reason
    title: str | None
    doi: str | None
    license: str | None
    created: datetime | None
    list_version: int | None  # of its current list of files; None until one is imported
    listed_at: datetime  # when that became current; if unknown, when the dataset was created
    files: int | None  # of the last availability that was published, as the next three
    availability: Availability | None
    availability_detail: str | None
    availability_version: int | None
    changes: int | None  # counts the changes of its files and requests

    @property
    def withdrawal_reason(self) -> str | None:
        """The public reason why it was withdrawn; None if it never was public."""
        return self.withdrawn if self.was_public else None

    @property
    def unchanged_filter(self) -> Doc:
        """A filter that matches the row unless it has changed since it was read."""
        return {
            "_id": self.pid,
            "changes": self.changes,
            "availability_version": self.availability_version,
        }

    @classmethod
    def from_row(cls, row: Doc) -> "DatasetRow":
        return cls(
            pid=row["_id"],
            version=row.get("version"),
            is_public=bool(row.get("is_public")),
            was_public=bool(row.get("was_public")),
            withdrawn=row.get("withdrawn"),
            title=row.get("title"),
            doi=row.get("doi"),
            license=row.get("license"),
            created=row.get("created"),
            list_version=row.get("list_version"),
            listed_at=row.get("listed_at") or row.get("created") or EPOCH,
            files=row.get("files"),
            availability=row.get("availability"),
            availability_detail=row.get("availability_detail"),
            availability_version=row.get("availability_version"),
            changes=row.get("changes"),
        )
