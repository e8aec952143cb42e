"""HTTP access to restored files, like a WebDAV door; reading never recalls."""

import asyncio
import mimetypes
from collections.abc import AsyncGenerator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from portal_local.tape.api.ranges import Unsatisfiable, parse_range
from portal_local.tape.library.archive import Archive
from portal_local.tape.library.request_store import OnDisk
from portal_local.tape.paths import file_at, sanitize
from portal_local.tape.problems import Problem

CHUNK_BYTES = 2**20
EMPTY_FILE = OnDisk("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


class FileServer:
    """Serves files of the buffer."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def read(self, request: Request) -> Response:
        """Returns 200, 206, 304 or 416; 404 for an unknown file, 409 for one only on tape."""
        path = sanitize(request.path_params["path"])
        file = self._file(path)
        tag = f'"{file.sha256}"'
        headers = {"ETag": tag, "Accept-Ranges": "bytes"}
        known = {t.strip() for t in request.headers.get("if-none-match", "").split(",")}
        if known & {tag, "*"}:
            return Response(status_code=304, headers=headers)
        try:
            part = self._part(request, file, tag)
        except Unsatisfiable:
            return Response(
                status_code=416, headers={**headers, "Content-Range": f"bytes */{file.bytes}"}
            )
        first, last = part or (0, file.bytes - 1)
        headers["Content-Length"] = str(last - first + 1)
        headers["Content-Type"] = mimetypes.guess_type(path)[0] or "application/octet-stream"
        if part:
            headers["Content-Range"] = f"bytes {first}-{last}/{file.bytes}"
        status = 206 if part else 200
        if request.method == "HEAD" or file.bytes == 0:
            return Response(status_code=status, headers=headers)
        on_disk = file_at(self._archive.buffer.root, path)
        if on_disk is None:
            raise _on_tape(path)
        return StreamingResponse(_bytes(on_disk, first, last), status, headers)

    def _file(self, path: str) -> OnDisk:
        found = self._archive.buffer.get(path)
        if found:
            return found
        size = self._archive.size(path)
        if size is None:
            raise Problem(404, "Not Found", f"There is no file {path}")
        if size == 0:
            return EMPTY_FILE
        raise _on_tape(path)

    def _part(self, request: Request, file: OnDisk, tag: str) -> tuple[int, int] | None:
        if request.method != "GET" or request.headers.get("if-range", tag) != tag:
            return None
        return parse_range(request.headers.get("range"), file.bytes)


def _on_tape(path: str) -> Problem:
    return Problem(409, "File not on disk", f"{path} is on tape: stage it first")


async def _bytes(file: Path, first: int, last: int) -> AsyncGenerator[bytes]:
    opened = await asyncio.to_thread(file.open, "rb")
    try:
        opened.seek(first)
        left = last - first + 1
        while left > 0:
            chunk = await asyncio.to_thread(opened.read, min(CHUNK_BYTES, left))
            if not chunk:
                return
            left -= len(chunk)
            yield chunk
    finally:
        opened.close()
