"""From a list of files to rows, and which rows a newer list changes. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from portal_shared.contracts.records import File

from portal_downloader.domain.batching import group_of
from portal_downloader.domain.paths import normal
from portal_downloader.domain.states import State

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
CONTENT = ("path", "size", "sha256")  # a row that differs in one of these is another file


def location_of(file: Mapping[str, Any]) -> str:
    return File.model_validate(file).location


def tag_of(sha256: str) -> str:
    """Of the content alone: a file that changes has another, a copy made again the same."""
    return f'"sha256-{sha256}"'


def archive_path(folder: str | None, location: str) -> str | None:
    """None for what has no folder, or whose name would lead out of it."""
    parts = location.split("/")
    if folder is None or ".." in parts or "." in parts or "" in parts:
        return None
    return normal(f"{folder}/{location}")


def content(file: Mapping[str, Any], folder: str | None) -> dict[str, Any]:
    return {
        "path": archive_path(folder, location_of(file)) or "",
        "size": file.get("size"),
        "sha256": file.get("sha256"),
    }


def is_verifiable(told: Mapping[str, Any]) -> bool:
    return bool(told["path"]) and told["size"] is not None and bool(told["sha256"])


def fresh(told: Mapping[str, Any], *, in_cache: bool, now: datetime) -> dict[str, Any]:
    """All of a row but its key, for content nobody has asked for yet."""
    state: State = "unverifiable"
    if is_verifiable(told):
        state = "online" if in_cache else "archived"
    return {
        **told,
        "group": group_of(told["path"], None),
        "position": 0,
        "requester": "",
        "priority": 0,
        "state": state,
        "changed_at": now.replace(microsecond=0),
        "attempt": 0,
        "mismatches": 0,
        "stumbles": 0,
        "reason": None if state != "unverifiable" else "its checksum, size or place is not known",
        "batch": None,
        "stage_id": None,
        "owner": None,
        "until": LONG_AGO,
        "not_before": LONG_AGO,
    }


def is_same(row: Mapping[str, Any] | None, told: Mapping[str, Any]) -> bool:
    return row is not None and all(row[name] == told[name] for name in CONTENT)


def asked(
    now: datetime, deadline: datetime, *, requester: str = "", priority: int = 0
) -> dict[str, Any]:
    """What changes in a row when it is asked for anew."""
    return {
        "requester": requester,
        "priority": priority,
        "not_before": now,
        "deadline": deadline,
        "attempt": 0,
        "mismatches": 0,
        "stumbles": 0,
        "reason": None,
        "batch": None,
        "stage_id": None,
        "until": LONG_AGO,
    }


def missing(wanted: Sequence[str], there: set[str]) -> str | None:
    """The first location asked for that is no file of the dataset."""
    return next((location for location in wanted if location not in there), None)
