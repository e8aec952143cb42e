"""Converts entries of a file list into rows of the `files` collection and compares them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from portal_shared.contracts.records import File

from portal_downloader.domain.batch_policy import group_of
from portal_downloader.domain.online_rule import DATA, OnlineFiles
from portal_downloader.domain.paths import normalize
from portal_downloader.domain.states import State

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TO_COPY, RESIDENT = "copy", "resident"  # values of `online_rule` of files that stay online
CONTENT_FIELDS = ("path", "size", "sha256")  # the identity of a file's content


def location_of(file: Mapping[str, Any]) -> str:
    return File.model_validate(file).location


def etag_of(sha256: str) -> str:
    """Returns the strong entity tag of this content: a copy made again has the same."""
    return f'"sha256-{sha256}"'


def archive_path(folder: str | None, location: str) -> str | None:
    """Returns the path in the archive; None without a folder, or if it would leave the folder."""
    parts = location.split("/")
    if folder is None or ".." in parts or "." in parts or "" in parts:
        return None
    return normalize(f"{folder}/{location}")


def content_fields(file: Mapping[str, Any], folder: str | None) -> dict[str, Any]:
    """Returns path, size and checksum of a listed file."""
    return {
        "path": archive_path(folder, location_of(file)) or "",
        "size": file.get("size"),
        "sha256": file.get("sha256"),
    }


def is_verifiable(content: Mapping[str, Any]) -> bool:
    """Returns whether a file can be recalled and verified: path, size and checksum are known."""
    return bool(content["path"]) and content["size"] is not None and bool(content["sha256"])


def role_fields(
    file: Mapping[str, Any],
    row: Mapping[str, Any] | None,
    content: Mapping[str, Any],
    online: OnlineFiles,
    now: datetime,
) -> dict[str, Any]:
    """Returns the role of a listed file, and whether it is to be copied to stay online."""
    found: dict[str, Any] = {"role": file.get("role") or DATA, "level": file.get("level")}
    if not (online.contain(file) and is_verifiable(content)):
        return {**found, "online_rule": None} if row and row.get("online_rule") else found
    if row and row.get("online_rule") == RESIDENT and row["sha256"] == content["sha256"]:
        return found
    return {**found, "online_rule": TO_COPY, "copy_at": now}


def new_row_fields(content: Mapping[str, Any], *, in_cache: bool, now: datetime) -> dict[str, Any]:
    """Returns all fields of a row except its key, for content that nobody has requested yet."""
    state: State = "unverifiable"
    if is_verifiable(content):
        state = "online" if in_cache else "archived"
    return {
        **content,
        "group": group_of(content["path"], None),
        "position": 0,
        "requester": "",
        "priority": 0,
        "state": state,
        "changed_at": now.replace(microsecond=0),
        "attempt": 0,
        "mismatches": 0,
        "stumbles": 0,
        "reason": None
        if state != "unverifiable"
        else "the checksum, size or location in the archive is unknown",
        "batch": None,
        "stage_id": None,
        "owner": None,
        "until": EPOCH,
        "not_before": EPOCH,
    }


def has_same_content(row: Mapping[str, Any] | None, content: Mapping[str, Any]) -> bool:
    """Returns whether the row has this path, size and checksum."""
    return row is not None and all(row[name] == content[name] for name in CONTENT_FIELDS)


def requested_fields(
    now: datetime, deadline: datetime, *, requester: str = "", priority: int = 0
) -> dict[str, Any]:
    """Returns the fields that a row gets when its file is requested again."""
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
        "until": EPOCH,
    }


def first_missing(requested: Sequence[str], existing: set[str]) -> str | None:
    """Returns the first of the requested locations that is not a file of the dataset."""
    return next((location for location in requested if location not in existing), None)
