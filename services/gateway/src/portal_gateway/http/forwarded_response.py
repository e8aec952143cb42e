"""Responses that another server on this machine gives: requested when sent, streamed, closed."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import logger
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

log = logger(__name__)

CHUNK_BYTES = 262_144
HOP_BY_HOP_HEADERS = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "date", "server"}
)


def http_client() -> httpx.AsyncClient:
    """Returns a client with the limits of a proxy for many readers.

    It keeps no cookies: those of one reader must not be sent with the requests of others.
    """
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    return httpx.AsyncClient(
        cookies=no_cookies,
        timeout=httpx.Timeout(60, connect=5),
        limits=httpx.Limits(max_connections=2000, max_keepalive_connections=50),
    )


class ForwardedResponse(Response):
    """Requests the upstream response when it is sent, and always closes it."""

    def __init__(self, client: httpx.AsyncClient, request: httpx.Request, *, server: str) -> None:
        """`server` is the name of the other server, for messages."""
        super().__init__()
        self._client = client
        self._request = request
        self._server = server

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._open() as upstream:
            disconnected = asyncio.create_task(_wait_disconnected(receive))
            try:
                await self._stream(upstream, send, disconnected)
            except OSError:  # the reader disconnected
                return
            except httpx.HTTPError as error:  # the response ends incomplete, which the reader sees
                log.warning("response ended early", server=self._server, reason=repr(error)[:300])
            finally:
                disconnected.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await disconnected

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[httpx.Response]:
        try:
            upstream = await self._client.send(self._request, stream=True)
        except httpx.HTTPError as error:
            raise Unavailable(f"The {self._server} cannot be reached: {error!r}") from error
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
