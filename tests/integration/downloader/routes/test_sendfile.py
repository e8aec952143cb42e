"""Files go into the line by the kernel where the server lets them, and come the same anyway."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from portal_downloader.http import ranges, segments, streaming
from portal_downloader.http.segments import StoredContent
from portal_downloader.http.sendfile import SendfileApplication
from portal_downloader.http.streaming import SegmentsResponse
from portal_local.launcher.ports import free_port
from starlette.requests import Request
from starlette.responses import Response

from tests.drivers import plain_http

SIZE = 5_000_000
HEAD, TAIL = b"before", b"after" * 1000


@asynccontextmanager
async def served(app: Any, http: str) -> AsyncIterator[httpx.AsyncClient]:
    port = free_port()
    config = uvicorn.Config(app, port=port, http=http, log_config=None)  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    async with plain_http.async_client(f"http://127.0.0.1:{port}", timeout=30) as client:
        yield client
    server.should_exit = True
    await task


def application(folder: Path, content: bytes) -> SendfileApplication:
    (folder / "a").write_bytes(content)
    laid = segments.from_list([HEAD, StoredContent("a", len(content)), TAIL])
    app = SendfileApplication()

    @app.get("/x")
    async def answer(request: Request) -> Response:
        spans = ranges.parse_range(request.headers.get("range"), laid.length)
        return SegmentsResponse(
            laid,
            lambda stored: os.open(folder / stored.sha256, os.O_RDONLY),
            spans=spans,
            headers={"Content-Type": "application/octet-stream"},
            holding=nullcontext(),
        )

    return app


@pytest.mark.parametrize("http", ["httptools", "h11"])
async def test_bytes_are_the_same_by_either_way(tmp_path: Path, http: str) -> None:
    content = os.urandom(SIZE)
    whole = HEAD + content + TAIL
    async with served(application(tmp_path, content), http) as client:
        for _ in range(3):  # on one connection
            assert (await client.get("/x")).content == whole
            part = await client.get("/x", headers={"Range": "bytes=3-1000000"})
            assert (part.status_code, part.content) == (206, whole[3:1_000_001])
            assert (await client.get("/x", headers={"Range": "bytes=-7"})).content == whole[-7:]
        several = await client.get("/x", headers={"Range": "bytes=0-9,4000000-4000099"})
        assert whole[4_000_000:4_000_100] in several.content
        assert int(several.headers["content-length"]) == len(several.content)


async def test_behind_the_quick_server_nothing_is_read_by_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> bytes:
        raise AssertionError("read")

    monkeypatch.setattr(streaming.SliceReader, "read", refused)
    content = os.urandom(SIZE)
    async with served(application(tmp_path, content), "httptools") as client:
        assert (await client.get("/x")).content == HEAD + content + TAIL


async def test_a_file_that_is_shorter_than_it_was_ends_the_connection(tmp_path: Path) -> None:
    app = application(tmp_path, os.urandom(SIZE))
    os.truncate(tmp_path / "a", 1000)
    async with served(app, "httptools") as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/x")


async def test_slow_or_disconnected_readers_do_not_delay_others(tmp_path: Path) -> None:
    content = os.urandom(SIZE)
    (tmp_path / "a").touch()
    app = application(tmp_path, content * 8)
    async with served(app, "httptools") as client:
        port = client.base_url.port or 0
        slow, leaving = (socket.create_connection(("127.0.0.1", port)) for _ in range(2))
        for line in (slow, leaving):
            line.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(0.3)
        leaving.close()
        assert (await client.get("/x")).content == HEAD + content * 8 + TAIL
        received = bytearray()
        slow.setblocking(False)  # noqa: FBT003  # its own signature
        loop = asyncio.get_running_loop()
        wanted = len(HEAD) + 8 * SIZE + len(TAIL)
        while b"\r\n\r\n" not in received or len(received) < wanted:
            received += await loop.sock_recv(slow, 1_000_000)
        slow.close()
        assert bytes(received).partition(b"\r\n\r\n")[2][: len(HEAD) + 9] == HEAD + content[:9]
