"""Reverse proxy of /data/… to the downloader; responses are streamed.

It is used on one machine, where only the gateway is public. Elsewhere the ingress does this.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager

import httpx
from portal_shared.contracts.file_urls import data_path, parse_data_path
from portal_shared.runtime.errors import NotFound, Unavailable
from portal_shared.runtime.logs import logger
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

log = logger(__name__)

CHUNK_BYTES = 262_144
FORWARDED_HEADERS = (
    "accept", "range", "if-range", "if-match", "if-none-match", "if-modified-since",
    "if-unmodified-since",
)  # fmt: skip
HOP_BY_HOP_HEADERS = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "date", "server"}
)


class DataProxy:
    def __init__(self, downloader_url: str) -> None:
        self._base = httpx.URL(downloader_url)
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(60, connect=5),
            limits=httpx.Limits(max_connections=2000, max_keepalive_connections=50),
        )

    async def close(self) -> None:
        await self._client.aclose()

    def forward(self, request: Request) -> Response:
        """Returns the downloader's response. Raises NotFound for a path that cannot be a file."""
        found = parse_data_path(bytes(request.scope["raw_path"]))
        if found is None or {".", ".."} & {found[0], *found[1].split("/")}:
            raise NotFound("The path is not a file of a dataset: expected /data/{pid}/{location}")
        raw = data_path(*found).encode()
        query = bytes(request.scope["query_string"])
        url = self._base.copy_with(raw_path=raw + (b"?" + query if query else b""))
        headers = [(k, v) for k, v in request.headers.items() if k in FORWARDED_HEADERS]
        headers.append(("accept-encoding", "identity"))
        return _ForwardedResponse(
            self._client, self._client.build_request(request.method, url, headers=headers)
        )


class _ForwardedResponse(Response):
    """Requests the upstream response when it is sent, and always closes it."""

    def __init__(self, client: httpx.AsyncClient, request: httpx.Request) -> None:
        super().__init__()
        self._client = client
        self._request = request

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._open() as upstream:
            disconnected = asyncio.create_task(_wait_disconnected(receive))
            try:
                await self._stream(upstream, send, disconnected)
            except OSError:  # the reader disconnected
                return
            except httpx.HTTPError as error:  # the response ends incomplete, which the reader sees
                log.warning("response of the downloader ended early", reason=repr(error)[:300])
            finally:
                disconnected.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await disconnected

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[httpx.Response]:
        try:
            upstream = await self._client.send(self._request, stream=True)
        except httpx.HTTPError as error:
            raise Unavailable(f"The downloader cannot be reached: {error!r}") from error
        try:
            yield upstream
        finally:
            await upstream.aclose()

    async def _stream(
        self, upstream: httpx.Response, send: Send, disconnected: asyncio.Task[None]
    ) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": upstream.status_code,
                "headers": list(_end_to_end(upstream.headers.raw)),
            }
        )
        async for chunk in upstream.aiter_raw(CHUNK_BYTES):
            if disconnected.done():
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    return ((k, v) for k, v in headers if k.decode("latin-1").lower() not in HOP_BY_HOP_HEADERS)


async def _wait_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
