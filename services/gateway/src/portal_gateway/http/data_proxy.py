"""Passes /data/… on to the downloader and its answer back, as it comes.

For one machine, where the gateway's is the only public address; elsewhere the ingress does this.
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

CHUNK = 262_144
PASSED_ON = ("accept", "range", "if-range", "if-match", "if-none-match", "if-modified-since",
             "if-unmodified-since")  # fmt: skip
KEPT_BACK = frozenset(
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

    def answer(self, request: Request) -> Response:
        """Raises NotFound for what names nothing, before anybody else is asked."""
        found = parse_data_path(bytes(request.scope["raw_path"]))
        if found is None or {".", ".."} & {found[0], *found[1].split("/")}:
            raise NotFound("this names no file of a dataset")
        raw = data_path(*found).encode()
        query = bytes(request.scope["query_string"])
        url = self._base.copy_with(raw_path=raw + (b"?" + query if query else b""))
        headers = [(k, v) for k, v in request.headers.items() if k in PASSED_ON]
        headers.append(("accept-encoding", "identity"))
        return _PassedOn(
            self._client, self._client.build_request(request.method, url, headers=headers)
        )


class _PassedOn(Response):
    """Opens the answer when it is sent, closes it however that ends."""

    def __init__(self, client: httpx.AsyncClient, asked: httpx.Request) -> None:
        super().__init__()
        self._client = client
        self._asked = asked

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._opened() as answer:
            gone = asyncio.create_task(_disconnected(receive))
            try:
                await self._pass(answer, send, gone)
            except OSError:  # the reader went away
                return
            finally:
                gone.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await gone

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[httpx.Response]:
        try:
            answer = await self._client.send(self._asked, stream=True)
        except httpx.HTTPError as error:
            raise Unavailable(f"the files cannot be reached now: {error!r}") from error
        try:
            yield answer
        finally:
            await answer.aclose()

    async def _pass(self, answer: httpx.Response, send: Send, gone: asyncio.Task[None]) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": answer.status_code,
                "headers": list(_kept(answer.headers.raw)),
            }
        )
        async for chunk in answer.aiter_raw(CHUNK):
            if gone.done():
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _kept(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    return ((k, v) for k, v in headers if k.decode("latin-1").lower() not in KEPT_BACK)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
