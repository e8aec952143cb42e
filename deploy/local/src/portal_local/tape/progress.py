"""How a request is told to those who poll, in the specification's state form. Pure.

Sites differ here (onDisk, milliseconds, other spellings): another dialect is another function of
this shape.
"""

from typing import Any

from portal_local.tape.ledger import UNDER_WAY, FileProgress, Request


def told(request: Request) -> dict[str, Any]:
    """Times in seconds; `completedAt` once every file is settled."""
    started = [file.started for file in request.files if file.started is not None]
    body: dict[str, Any] = {
        "id": request.id,
        "createdAt": int(request.created),
        "startedAt": int(min(started, default=request.created)),
        "files": [_file(file) for file in request.files],
    }
    if all(file.state not in UNDER_WAY for file in request.files):
        finished = [file.finished for file in request.files if file.finished is not None]
        body["completedAt"] = int(max(finished, default=request.created))
    return body


def _file(file: FileProgress) -> dict[str, Any]:
    body: dict[str, Any] = {"path": file.path, "state": file.state}
    if file.error is not None:
        body["error"] = file.error
    if file.started is not None:
        body["startedAt"] = int(file.started)
    if file.finished is not None:
        body["finishedAt"] = int(file.finished)
    return body
