"""The tape archive, by WLCG Tape REST API v1 and plain HTTP for the bytes.

Raises TooMuch for a stage request refused as a whole, Unavailable for everything that may pass; a
stage request that ended so may have been accepted all the same.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from portal_shared.runtime.errors import Unavailable

from portal_downloader.archives import wlcg_answers
from portal_downloader.archives.protocol import Body, Busy, CutOff, NotThere, TooMuch
from portal_downloader.archives.wlcg_answers import FileTold, Locality
from portal_downloader.domain.batching import disk_lifetime
from portal_downloader.settings import DownloaderSettings

LARGEST_ANSWER = 32 * 2**20
PATHS_AT_ONCE = 500
DISCOVERY = "/.well-known/wlcg-tape-rest-api"
OK, PARTIAL, BAD_REQUEST, NOT_FOUND, SERVER_ERROR = 200, 206, 400, 404, 500
T = TypeVar("T")


class Tape:
    pins_run_out = True

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
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def stage(self, paths: Sequence[str]) -> str:
        """The id of the request."""
        files = [{"path": path, "diskLifetime": self._lifetime} for path in paths]
        return await self._call("POST", "stage", wlcg_answers.request_id, {"files": files}) or ""

    async def progress(self, stage_id: str, paths: Sequence[str]) -> dict[str, FileTold] | None:
        """Of all files of the request, and so of these."""
        del paths
        return await self._call("GET", f"stage/{quote(stage_id, safe='')}", wlcg_answers.progress)

    async def localities(self, paths: Sequence[str]) -> dict[str, Locality]:
        """Of every path: asked again for those that a long answer left out."""
        found: dict[str, Locality] = {}
        waiting = list(dict.fromkeys(paths))
        most = PATHS_AT_ONCE
        while waiting:
            asked = waiting[:most]
            told = await self._call(
                "POST", "archiveinfo", wlcg_answers.localities, {"paths": asked}
            )
            answered: dict[str, Locality] = {p: told[p] for p in asked if told and p in told}
            if not answered:
                raise Unavailable("the archive does not say where files are")
            found |= answered
            waiting = [path for path in waiting if path not in answered]
        return found

    async def release(self, stage_id: str, paths: Sequence[str]) -> None:
        """No pin is kept on these; a request that is gone had none."""
        path = f"release/{quote(stage_id, safe='')}"
        await self._call("POST", path, lambda body: body, {"paths": list(paths)})

    async def cancel(self, stage_id: str, paths: Sequence[str]) -> None:
        """These are not wanted any more; a request that is gone has ended."""
        path = f"stage/{quote(stage_id, safe='')}/cancel"
        await self._call("POST", path, lambda body: body, {"paths": list(paths)})

    @asynccontextmanager
    async def reading(self, path: str, start: int) -> AsyncGenerator[Body]:
        """By a GET, of the rest where it can."""
        headers = {"Range": f"bytes={start}-"} if start else {}
        try:
            async with self._client.stream(
                "GET", f"{self._files}{quote(path)}", headers=headers
            ) as answer:
                told = f"the archive answers {answer.status_code} to a read"
                if answer.status_code in (404, 409, 410):
                    raise NotThere(told)
                if answer.status_code not in (OK, PARTIAL):
                    raise CutOff(told)
                yield Body(start if answer.status_code == PARTIAL else 0, _chunks(answer))
        except httpx.ConnectError as error:
            raise Unavailable(f"the archive's files: {error!r}") from error
        except httpx.HTTPError as error:
            raise CutOff(f"reading from the archive: {error!r}") from error

    async def _call(
        self,
        method: str,
        path: str,
        read: Callable[[object], T],
        body: dict[str, Any] | None = None,
    ) -> T | None:
        """The answer as `read` has it, None for 404."""
        url = f"{await self._discovered()}/{path}"
        status, headers, told = await self._exchange(method, url, body)
        if status == NOT_FOUND:
            return None
        if status >= BAD_REQUEST:
            raise _refusal(f"{method} {path.partition('/')[0]}", status, headers, told)
        try:
            return read(told)
        except ValueError as error:
            raise Unavailable(f"the archive's answer to {method} {path}: {error}") from error

    async def _discovered(self) -> str:
        if self._endpoint is None:
            status, headers, told = await self._exchange("GET", self._base + DISCOVERY)
            if status != OK:
                raise _refusal("discovery", status, headers, told)
            try:
                self._endpoint = wlcg_answers.endpoint(told)
            except ValueError as error:
                raise Unavailable(f"the archive at {self._base}: {error}") from error
        return self._endpoint

    async def _exchange(
        self, method: str, url: str, body: dict[str, Any] | None = None
    ) -> tuple[int, httpx.Headers, object]:
        """Status, headers and what the body says as JSON, None if it does not."""
        try:
            async with self._client.stream(method, url, json=body) as answer:
                received = bytearray()
                async for chunk in answer.aiter_raw():
                    received += chunk
                    if len(received) > LARGEST_ANSWER:
                        raise Unavailable(f"the archive answers more than {LARGEST_ANSWER} bytes")
        except httpx.HTTPError as error:
            self._endpoint = None  # it may have moved
            raise Unavailable(f"the archive: {error!r}") from error
        try:
            told: object = json.loads(received) if received else None
        except (ValueError, RecursionError):
            told = None
        return answer.status_code, answer.headers, told


async def _chunks(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    except httpx.HTTPError as error:
        raise CutOff(f"reading from the archive: {error!r}") from error


def _refusal(what: str, status: int, headers: httpx.Headers, told: object) -> Exception:
    said = wlcg_answers.problem(told) or headers.get("detail") or headers.get("title") or ""
    reason = f"the archive answers {status} to {what}" + (f": {said}" if said else "")
    if status in (401, 403):
        return Busy(f"{reason}: it refuses our credentials", seconds=0)
    if status in (408, 429) or status >= SERVER_ERROR:
        return Busy(reason, seconds=_seconds(headers.get("retry-after")))
    return TooMuch(reason)


def _seconds(sent: str | None) -> float:
    return min(float(sent), 600) if sent and sent.isascii() and sent.isdigit() else 0
