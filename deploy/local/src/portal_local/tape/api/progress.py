"""Serializes the progress of a request in the dialects of real archives.

`spec` is the form of the specification, with states and times in seconds.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from portal_local.tape.library.request_store import COMPLETED, PENDING, FileProgress, Request

Dialect = Literal["spec", "eos", "dcache", "storm"]
ProgressSerializer = Callable[[Request], dict[str, Any]]


def spec_progress(request: Request) -> dict[str, Any]:
    """Returns states, and times in seconds; `completedAt` once every file has ended."""
    body: dict[str, Any] = {
        "id": request.id,
        "createdAt": int(request.created),
        "startedAt": int(_started(request)),
        "files": [_file(file) for file in request.files],
    }
    if _has_ended(request):
        body["completedAt"] = int(_completed(request))
    return body


def _started(request: Request) -> float:
    started = [file.started for file in request.files if file.started is not None]
    return min(started, default=request.created)


def _completed(request: Request) -> float:
    finished = [file.finished for file in request.files if file.finished is not None]
    return max(finished, default=request.created)


def _has_ended(request: Request) -> bool:
    return all(file.state not in PENDING for file in request.files)


def _file(file: FileProgress) -> dict[str, Any]:
    body: dict[str, Any] = {"path": file.path, "state": file.state}
    if file.error is not None:
        body["error"] = file.error
    if file.started is not None:
        body["startedAt"] = int(file.started)
    if file.finished is not None:
        body["finishedAt"] = int(file.finished)
    return body


def eos_progress(request: Request) -> dict[str, Any]:
    """Returns whether each file is on disk, and its error."""
    files: list[dict[str, Any]] = []
    for file in request.files:
        body: dict[str, Any] = {"path": file.path, "onDisk": file.state == COMPLETED}
        if file.state not in (COMPLETED, *PENDING):
            body["error"] = file.error or file.state
        files.append(body)
    created = int(request.created)
    return {"id": request.id, "createdAt": created, "startedAt": created, "files": files}


def dcache_progress(request: Request) -> dict[str, Any]:
    """Returns states, and times in milliseconds; spells CANCELED with one L."""
    body = spec_progress(request)
    for part in (body, *body["files"]):
        for name in ("createdAt", "startedAt", "finishedAt", "completedAt"):
            if name in part:
                part[name] *= 1000
    for file in body["files"]:
        file["state"] = file["state"].replace("CANCELLED", "CANCELED")
    return body


def storm_progress(request: Request) -> dict[str, Any]:
    """Returns snake-case fields and only the state of files; `completed_at` is 0 until all have
    ended.
    """
    return {
        "id": request.id,
        "created_at": int(request.created),
        "started_at": int(_started(request)),
        "completed_at": int(_completed(request)) if _has_ended(request) else 0,
        "files": [{"path": file.path, "state": file.state} for file in request.files],
    }


DIALECTS: Mapping[Dialect, ProgressSerializer] = {
    "spec": spec_progress,
    "eos": eos_progress,
    "dcache": dcache_progress,
    "storm": storm_progress,
}
