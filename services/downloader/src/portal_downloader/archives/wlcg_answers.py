"""What tape archives answer, in every dialect of the WLCG Tape REST API we know of. Pure.

They differ in the form of progress (`state` or `onDisk`), in spelling, and in what they leave out.
All readers raise ValueError for what is no such answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from portal_downloader.domain.paths import normal

ON_DISK = ("DISK", "DISK_AND_TAPE")
Locality = Literal["DISK", "TAPE", "DISK_AND_TAPE", "LOST", "NONE", "UNAVAILABLE", "missing"]
LOCALITIES = frozenset({"DISK", "TAPE", "DISK_AND_TAPE", "LOST", "NONE", "UNAVAILABLE"})
LONGEST_REASON = 500


@dataclass(frozen=True)
class FileTold:
    """How far a stage request is with one file."""

    progress: Literal["waiting", "started", "staged", "failed", "cancelled"]
    reason: str = ""


STATES: Mapping[str, FileTold] = {
    "SUBMITTED": FileTold("waiting"),
    "STARTED": FileTold("started"),
    "COMPLETED": FileTold("staged"),
    "CANCELLED": FileTold("cancelled"),
    "CANCELED": FileTold("cancelled"),
}


def endpoint(body: object) -> str:
    """The address of version 1 of the API, from discovery."""
    for entry in _objects(_object(body).get("endpoints")):
        version, uri = entry.get("version"), entry.get("uri")
        if isinstance(uri, str) and str(version).lower().lstrip("v").split(".")[0] == "1":
            return uri.rstrip("/")
    raise ValueError("discovery names no endpoint of version 1")


def request_id(body: object) -> str:
    told = _object(body)
    found = told.get("requestId") or told.get("request_id")
    if not isinstance(found, str) or not found or len(found) > 200:  # noqa: PLR2004
        raise ValueError("the answer to a stage request has no requestId")
    return found


def progress(body: object) -> dict[str, FileTold]:
    """By normalised path."""
    found: dict[str, FileTold] = {}
    for entry in _objects(_object(body).get("files")):
        path = entry.get("path")
        if isinstance(path, str):
            found[normal(path)] = _file_told(entry)
    return found


def _file_told(entry: Mapping[str, Any]) -> FileTold:
    reason = entry.get("error")
    told = str(reason)[:LONGEST_REASON] if reason else ""
    on_disk = entry.get("onDisk", entry.get("on_disk"))
    if isinstance(on_disk, bool):
        if on_disk:
            return FileTold("staged")
        return FileTold("failed", told) if told else FileTold("waiting")
    state = str(entry.get("state", "")).upper()
    if state == "FAILED":
        return FileTold("failed", told or "the archive gives no reason")
    return STATES.get(state, FileTold("waiting"))


def localities(body: object) -> dict[str, Locality]:
    """By normalised path; a path told with an error is missing, one not told is not there."""
    found: dict[str, Locality] = {}
    for entry in _objects(body):
        path, locality = entry.get("path"), str(entry.get("locality", "")).upper()
        if isinstance(path, str):
            known = locality in LOCALITIES
            found[normal(path)] = cast("Locality", locality) if known else "missing"
    return found


def problem(body: object) -> str:
    """The sentence of an error, as far as it has one."""
    if not isinstance(body, dict):
        return ""
    told = cast("dict[str, Any]", body)
    parts = [str(told[k]) for k in ("title", "detail") if told.get(k)]
    return ": ".join(parts)[:LONGEST_REASON]


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004  # an answer, not an argument
    return cast("dict[str, Any]", value)


def _objects(value: object) -> Sequence[Mapping[str, Any]]:
    if not isinstance(value, list):
        raise ValueError("not a list")  # noqa: TRY004  # likewise
    return [_object(entry) for entry in cast("list[object]", value)]
