"""A tape archive with the WLCG Tape REST API v1, and plain HTTP for the bytes.

Raises StageRefused for a stage request that is refused as a whole, Unavailable for temporary
errors; a stage request that ended so may have been accepted all the same.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.tls import tls_context

from portal_downloader.archives import wlcg_answers
from portal_downloader.archives.path_roots import match_paths
from portal_downloader.archives.protocol import (
    Body,
    Busy,
    NotOnDisk,
    StageRefused,
    TransferInterrupted,
)
from portal_downloader.archives.wlcg_answers import FileProgress, Locality
from portal_downloader.domain.batch_policy import disk_lifetime
from portal_downloader.settings import DownloaderSettings

MAX_ANSWER_BYTES = 32 * 2**20
MAX_PATHS_PER_CALL = 500
DISCOVERY = "/.well-known/wlcg-tape-rest-api"
OK, PARTIAL, BAD_REQUEST, NOT_FOUND, SERVER_ERROR = 200, 206, 400, 404, 500
T = TypeVar("T")


class WlcgArchive:
    """Client of one archive; finds the endpoint of the API by discovery."""

    pins_expire = True

    def __init__(self, settings: DownloaderSettings) -> None:
        self._base = settings.tape_url.rstrip("/")
        self._files = (settings.tape_files_url or settings.tape_url).rstrip("/")
        self._lifetime = disk_lifetime(settings.pin_seconds)
        self._endpoint: str | None = None
        token = settings.tape_token
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        self._client = httpx.AsyncClient(
            headers={**headers, "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(settings.tape_timeout, connect=10),
            limits=httpx.Limits(max_connections=50),
            verify=tls_context(settings.tape_ca_file),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def stage(self, paths: Sequence[str]) -> str:
        """Returns the id of the request."""
        files = [{"path": path, "diskLifetime": self._lifetime} for path in paths]
        return await self._call("POST", "stage", wlcg_answers.request_id, {"files": files}) or ""

    async def progress(self, stage_id: str, paths: Sequence[str]) -> dict[str, FileProgress] | None:
        """Returns the progress of all files of the request."""
        path = f"stage/{quote(stage_id, safe='')}"
        found = await self._call("GET", path, wlcg_answers.progress)
        return None if found is None else _by_requested_path(paths, found)

    async def localities(self, paths: Sequence[str]) -> dict[str, Locality]:
        """Returns the locality of every path; repeats the query for those that an answer leaves
        out.
        """
        found: dict[str, Locality] = {}
        waiting = list(dict.fromkeys(paths))
        limit = MAX_PATHS_PER_CALL
        while waiting:
            portion = waiting[:limit]
            reported: dict[str, Locality] | None = await self._call(
                "POST", "archiveinfo", wlcg_answers.localities, {"paths": portion}
            )
            localities = _by_requested_path(portion, reported or {})
            answered: dict[str, Locality] = {
                path: localities[path] for path in portion if path in localities
            }
            if not answered:
                raise Unavailable("the archive does not report where files are")
            found |= answered
            waiting = [path for path in waiting if path not in answered]
        return found

    async def release(self, stage_id: str, paths: Sequence[str]) -> None:
        """Releases pins; a request that the archive does not know any more has none."""
        path = f"release/{quote(stage_id, safe='')}"
        await self._call("POST", path, lambda body: body, {"paths": list(paths)})

    async def cancel(self, stage_id: str, paths: Sequence[str]) -> None:
        """Cancels recalls; a request that the archive does not know any more has ended."""
        path = f"stage/{quote(stage_id, safe='')}/cancel"
        await self._call("POST", path, lambda body: body, {"paths": list(paths)})

    @asynccontextmanager
    async def open_file(self, path: str, start: int) -> AsyncGenerator[Body]:
        """Reads by GET, with a range where the archive supports it."""
        headers = {"Range": f"bytes={start}-"} if start else {}
        try:
            async with self._client.stream(
                "GET", f"{self._files}{quote(path)}", headers=headers
            ) as answer:
                reason = f"the archive answered {answer.status_code} to a read"
                if answer.status_code in (404, 409, 410):
                    raise NotOnDisk(reason)
                if answer.status_code not in (OK, PARTIAL):
                    raise TransferInterrupted(reason)
                yield Body(start if answer.status_code == PARTIAL else 0, _chunks(answer))
        except httpx.ConnectError as error:
            raise Unavailable(f"the archive's files: {error!r}") from error
        except httpx.HTTPError as error:
            raise TransferInterrupted(f"reading from the archive: {error!r}") from error

    async def _call(
        self,
        method: str,
        path: str,
        parse: Callable[[object], T],
        body: dict[str, Any] | None = None,
    ) -> T | None:
        """Returns the answer parsed by `read`, or None for 404."""
        url = f"{await self._discovered()}/{path}"
        status, headers, body_received = await self._exchange(method, url, body)
        if status == NOT_FOUND:
            return None
        if status >= BAD_REQUEST:
            raise _error(f"{method} {path.partition('/')[0]}", status, headers, body_received)
        try:
            return parse(body_received)
        except ValueError as error:
            raise Unavailable(f"the archive's answer to {method} {path}: {error}") from error

    async def _discovered(self) -> str:
        if self._endpoint is None:
            status, headers, received = await self._exchange("GET", self._base + DISCOVERY)
            if status != OK:
                raise _error("discovery", status, headers, received)
            try:
                self._endpoint = wlcg_answers.endpoint(received)
            except ValueError as error:
                raise Unavailable(f"the archive at {self._base}: {error}") from error
        return self._endpoint

    async def _exchange(
        self, method: str, url: str, body: dict[str, Any] | None = None
    ) -> tuple[int, httpx.Headers, object]:
        """Returns status, headers and the JSON body (None if it is not JSON)."""
        try:
            async with self._client.stream(method, url, json=body) as answer:
                received = bytearray()
                async for chunk in answer.aiter_raw():
                    received += chunk
                    if len(received) > MAX_ANSWER_BYTES:
                        raise Unavailable(f"the archive's answer exceeds {MAX_ANSWER_BYTES} bytes")
        except httpx.HTTPError as error:
            self._endpoint = None  # discovered again
            raise Unavailable(f"the archive: {error!r}") from error
        try:
            content: object = json.loads(received) if received else None
        except (ValueError, RecursionError):
            content = None
        return answer.status_code, answer.headers, content


def _by_requested_path(paths: Sequence[str], reported: Mapping[str, T]) -> dict[str, T]:
    """Returns the same with the paths that were requested, as far as they match."""
    matched = match_paths(paths, reported)
    return {matched.get(path, path): value for path, value in reported.items()}


async def _chunks(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    except httpx.HTTPError as error:
        raise TransferInterrupted(f"reading from the archive: {error!r}") from error


def _error(operation: str, status: int, headers: httpx.Headers, body: object) -> Exception:
    """Returns the exception for an error response."""
    detail = wlcg_answers.problem(body) or headers.get("detail") or headers.get("title") or ""
    reason = f"the archive answered {status} to {operation}" + (f": {detail}" if detail else "")
    if status in (401, 403):
        return Busy(f"{reason}: the credentials were refused", seconds=0)
    if status in (408, 429) or status >= SERVER_ERROR:
        return Busy(reason, seconds=_seconds(headers.get("retry-after")))
    return StageRefused(reason)


def _seconds(header: str | None) -> float:
    """Returns the seconds of a Retry-After header, at most 600; 0 for anything else."""
    return min(float(header), 600) if header and header.isascii() and header.isdigit() else 0
