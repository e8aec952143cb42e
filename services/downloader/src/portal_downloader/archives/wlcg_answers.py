"""Parses answers of tape archives in the known dialects of the WLCG Tape REST API.

They differ in the form of progress (`state` or `onDisk`), in spelling, and in what they leave out.
All parsers raise ValueError for an answer of another form.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from portal_downloader.domain.paths import normalize

ON_DISK = ("DISK", "DISK_AND_TAPE")
Locality = Literal["DISK", "TAPE", "DISK_AND_TAPE", "LOST", "NONE", "UNAVAILABLE", "missing"]
LOCALITIES = frozenset({"DISK", "TAPE", "DISK_AND_TAPE", "LOST", "NONE", "UNAVAILABLE"})
MAX_REASON_CHARS = 500


@dataclass(frozen=True)
class FileProgress:
    """How far a stage request is with one file."""

    progress: Literal["waiting", "started", "staged", "failed", "cancelled"]
    reason: str = ""

    @property
    def is_pending(self) -> bool:
        return self.progress in ("waiting", "started")


STATES: Mapping[str, FileProgress] = {
    "SUBMITTED": FileProgress("waiting"),
    "STARTED": FileProgress("started"),
    "COMPLETED": FileProgress("staged"),
    "CANCELLED": FileProgress("cancelled"),
    "CANCELED": FileProgress("cancelled"),
}


def endpoint(body: object) -> str:
    """Returns the URL of version 1 of the API from the discovery document."""
    for entry in _objects(_object(body).get("endpoints")):
        version, uri = entry.get("version"), entry.get("uri")
        if isinstance(uri, str) and str(version).lower().lstrip("v").split(".")[0] == "1":
            return uri.rstrip("/")
    raise ValueError("the discovery document has no endpoint of version 1")


def request_id(body: object) -> str:
    """Returns the id of a new stage request."""
    answer = _object(body)
    found = answer.get("requestId") or answer.get("request_id")
    if not isinstance(found, str) or not found or len(found) > 200:  # noqa: PLR2004
        raise ValueError("the answer to a stage request has no requestId")
    return found


def progress(body: object) -> dict[str, FileProgress]:
    """Returns the progress of each file by normalized path."""
    found: dict[str, FileProgress] = {}
    for entry in _objects(_object(body).get("files")):
        path = entry.get("path")
        if isinstance(path, str):
            found[normalize(path)] = _file_progress(entry)
    return found


def _file_progress(entry: Mapping[str, Any]) -> FileProgress:
    reason = entry.get("error")
    error_text = str(reason)[:MAX_REASON_CHARS] if reason else ""
    on_disk = entry.get("onDisk", entry.get("on_disk"))
    if isinstance(on_disk, bool):
        if on_disk:
            return FileProgress("staged")
        return FileProgress("failed", error_text) if error_text else FileProgress("waiting")
    state = str(entry.get("state", "")).upper()
    if state == "FAILED":
        return FileProgress("failed", error_text or "the archive gives no reason")
    return STATES.get(state, FileProgress("waiting"))


def localities(body: object) -> dict[str, Locality]:
    """Returns the locality by normalized path: "missing" for an error, absent if left out."""
    found: dict[str, Locality] = {}
    for entry in _objects(body):
        path, locality = entry.get("path"), str(entry.get("locality", "")).upper()
        if isinstance(path, str):
            known = locality in LOCALITIES
            found[normalize(path)] = cast("Locality", locality) if known else "missing"
    return found


def problem(body: object) -> str:
    """Returns title and detail of an error, as far as it has them."""
    if not isinstance(body, dict):
        return ""
    fields = cast("dict[str, Any]", body)
    parts = [str(fields[k]) for k in ("title", "detail") if fields.get(k)]
    return ": ".join(parts)[:MAX_REASON_CHARS]


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004  # an answer, not an argument
    return cast("dict[str, Any]", value)


def _objects(value: object) -> Sequence[Mapping[str, Any]]:
    if not isinstance(value, list):
        raise ValueError("not a list")  # noqa: TRY004  # likewise
    return [_object(entry) for entry in cast("list[object]", value)]
