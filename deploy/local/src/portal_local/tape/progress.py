"""How a request is told to those who poll, in the dialects that sites speak. Pure.

`spec` is the specification's state form, seconds and all; the others are what real archives answer.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from portal_local.tape.ledger import COMPLETED, UNDER_WAY, FileProgress, Request

Dialect = Literal["spec", "eos", "dcache", "storm"]
Tell = Callable[[Request], dict[str, Any]]


def told(request: Request) -> dict[str, Any]:
    """Times in seconds; `completedAt` once every file is settled."""
    body: dict[str, Any] = {
        "id": request.id,
        "createdAt": int(request.created),
        "startedAt": int(_started(request)),
        "files": [_file(file) for file in request.files],
    }
    if _is_settled(request):
        body["completedAt"] = int(_completed(request))
    return body


def _started(request: Request) -> float:
    started = [file.started for file in request.files if file.started is not None]
    return min(started, default=request.created)


def _completed(request: Request) -> float:
    finished = [file.finished for file in request.files if file.finished is not None]
    return max(finished, default=request.created)


def _is_settled(request: Request) -> bool:
    return all(file.state not in UNDER_WAY for file in request.files)


def _file(file: FileProgress) -> dict[str, Any]:
    body: dict[str, Any] = {"path": file.path, "state": file.state}
    if file.error is not None:
        body["error"] = file.error
    if file.started is not None:
        body["startedAt"] = int(file.started)
    if file.finished is not None:
        body["finishedAt"] = int(file.finished)
    return body


def eos(request: Request) -> dict[str, Any]:
    """The residency form: on disk or not, with an error or without."""
    files: list[dict[str, Any]] = []
    for file in request.files:
        body: dict[str, Any] = {"path": file.path, "onDisk": file.state == COMPLETED}
        if file.state not in (COMPLETED, *UNDER_WAY):
            body["error"] = file.error or file.state
        files.append(body)
    created = int(request.created)
    return {"id": request.id, "createdAt": created, "startedAt": created, "files": files}


def dcache(request: Request) -> dict[str, Any]:
    """Times in milliseconds; one L in a cancelled file."""
    body = told(request)
    for part in (body, *body["files"]):
        for name in ("createdAt", "startedAt", "finishedAt", "completedAt"):
            if name in part:
                part[name] *= 1000
    for file in body["files"]:
        file["state"] = file["state"].replace("CANCELLED", "CANCELED")
    return body


def storm(request: Request) -> dict[str, Any]:
    """Snake case; of a file only its state; `completed_at` is 0 until all are settled."""
    return {
        "id": request.id,
        "created_at": int(request.created),
        "started_at": int(_started(request)),
        "completed_at": int(_completed(request)) if _is_settled(request) else 0,
        "files": [{"path": file.path, "state": file.state} for file in request.files],
    }


DIALECTS: Mapping[Dialect, Tell] = {"spec": told, "eos": eos, "dcache": dcache, "storm": storm}
