"""Connections of clients that send or take data too slowly are closed; others are not."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request
from portal_shared.service import problems
from portal_shared.service.http_protocol import DeadlineProtocol
from starlette.responses import PlainTextResponse, Response, StreamingResponse

HOST = b"Host: x\r\n"
GET = b"GET /quick HTTP/1.1\r\n" + HOST + b"\r\n"
SLOW = 0.8  # seconds, above every deadline of `Impatient`


class Impatient(DeadlineProtocol):
    header_seconds = 0.5
    body_seconds = 0.5
    write_seconds = 0.5


class Patient(DeadlineProtocol):
    header_seconds = 60.0
    body_seconds = 60.0
    write_seconds = 60.0


class Application:
    def __init__(self) -> None:
        self.app = FastAPI()
        self.disconnected = asyncio.Event()
        problems.install(self.app)

        @self.app.get("/quick")
        async def quick() -> Response:
            return PlainTextResponse("ok")

        @self.app.get("/slow")
        async def slow() -> Response:
            async def parts() -> AsyncIterator[bytes]:
                for _ in range(3):
                    await asyncio.sleep(SLOW)
                    yield b"part"

            return StreamingResponse(parts())

        @self.app.get("/endless")
        async def endless() -> Response:
            async def parts() -> AsyncIterator[bytes]:
                try:
                    while True:
                        yield bytes(100_000)
                        await asyncio.sleep(0)
                finally:
                    self.disconnected.set()

            return StreamingResponse(parts())

        @self.app.post("/echo")
        async def echo(request: Request) -> Response:
            return PlainTextResponse(str(len(await request.body())))


@asynccontextmanager
async def serve(protocol: type[DeadlineProtocol]) -> AsyncGenerator[tuple[Application, int]]:
    made = Application()
    config = uvicorn.Config(
        made.app, port=0, http=protocol, lifespan="off", log_config=None, timeout_keep_alive=60
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(30):
        while not server.started:
            await asyncio.sleep(0.01)
    yield made, server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    server.force_exit = True
    await serving


async def answer(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """Sends the parts with pauses, and returns all that is answered until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(60):
            for part in parts:
                writer.write(part)
                await asyncio.sleep(pause)
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([], b""),
        ([b"GET /quick HTT"], b"HTTP/1.1 408"),
        ([b"GET /quick HTTP/1.1\r\n" + HOST + b"X: y"], b"HTTP/1.1 408"),
        ([b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nabc"], b"HTTP/1.1 408"),
        (
            [b"POST /echo HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc"],
            b"HTTP/1.1 408",
        ),
        (
            [b"POST /quick HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nabc"],
            b"HTTP/1.1 405",  # answered before the body is there
        ),
        ([GET, b"GET"], b"HTTP/1.1 200"),
    ],
)
async def test_an_incomplete_request_ends_its_connection(parts: list[bytes], status: bytes) -> None:
    async with serve(Impatient) as (_, port):
        found = await answer(port, *parts)
    assert found.startswith(status)
    assert found if status else not found


async def test_a_request_that_arrives_byte_by_byte_ends_too() -> None:
    async with serve(Impatient) as (_, port):
        endless_header = (b"X" for _ in range(100_000))
        head = b"GET /quick HTTP/1.1\r\nX: "
        found = await dripped(port, head, endless_header)
        assert found is None or found.startswith(b"HTTP/1.1 408")
        body = (b"x" for _ in range(100_000))
        head = b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 100000\r\n\r\n"
        found = await dripped(port, head, body)
        assert found is None or found.startswith(b"HTTP/1.1 408")


async def dripped(port: int, head: bytes, rest: Any) -> bytes | None:
    """Sends without end, and returns the answer.

    Returns None if the connection was reset: what is sent after its end may cost the answer.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    reading = asyncio.create_task(reader.read())
    writer.write(head)
    try:
        async with asyncio.timeout(60):
            while not reading.done():
                writer.write(next(rest))
                await asyncio.sleep(0.005)
            return await reading
    except ConnectionError:
        return None
    finally:
        writer.close()


async def test_the_end_of_a_slow_sender_is_no_error_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        async with serve(Impatient) as (_, port):
            head = b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nabc"
            await answer(port, head)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head)
            writer.transport.abort()  # the client goes by itself
            await answer(port, GET, b"G")
            del reader
    assert [r.message for r in caplog.records if r.levelno > logging.INFO or r.exc_info] == []


async def test_an_answer_may_take_longer_than_every_deadline() -> None:
    async with serve(Impatient) as (_, port):
        head = b"GET /slow HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
        assert (await answer(port, head)).count(b"part") == 3


async def test_a_connection_serves_many_requests_with_pauses() -> None:
    async with serve(Impatient) as (_, port):
        last = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        found = await answer(port, GET, GET, GET + GET, last, pause=SLOW)
    assert found.count(b"HTTP/1.1 200") == 5


async def test_a_body_that_arrives_in_parts_in_time_is_accepted() -> None:
    async with serve(Patient) as (_, port):
        head = b"POST /echo HTTP/1.1\r\nConnection: close\r\n" + HOST
        parts = [head, b"Content-Length: 200000\r\n\r\n", bytes(100_000), bytes(100_000)]
        assert (await answer(port, *parts, pause=0.01)).endswith(b"\r\n\r\n200000")


async def test_a_client_that_takes_nothing_is_disconnected() -> None:
    async with serve(Impatient) as (made, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"GET /endless HTTP/1.1\r\n" + HOST + b"\r\n")
        async with asyncio.timeout(60):
            await made.disconnected.wait()
        writer.close()


HEAD = b"GET /quick HTTP/1.1\r\n" + HOST
POST = b"POST /echo HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([HEAD, b"X: " + b"y" * 200_000], b"HTTP/1.1 431"),
        ([HEAD, *[b"X: " + b"y" * 50_000, b"y" * 50_000, b"y" * 50_000]], b"HTTP/1.1 431"),
        ([b"GET /" + b"y" * 200_000], b"HTTP/1.1 431"),
        ([HEAD + b"X: y\r\n" * 300 + b"\r\n"], b"HTTP/1.1 431"),
        ([HEAD + (b"X: " + b"y" * 2000 + b"\r\n") * 80 + b"\r\n"], b"HTTP/1.1 431"),
        ([CHUNKED, *[b"1;" + b"y" * 100_000] * 90], b""),
    ],
    ids=["value", "value in parts", "address", "many fields", "large fields", "chunk extension"],
)
async def test_a_header_or_frame_that_is_too_large_ends_the_connection(
    parts: list[bytes], status: bytes
) -> None:
    async with serve(Patient) as (_, port):
        try:
            found = await answer(port, *parts, pause=0.001)
        except ConnectionError:  # closed before all was sent
            found = status
        assert found.startswith(status)


async def test_usual_headers_and_several_requests_of_a_connection_are_answered() -> None:
    large = HEAD + b"Cookie: a=" + b"b" * 60_000 + b"\r\n" + b"X: y\r\n" * 200
    body = b"z" * 900_000
    post = POST + b"Content-Length: %d\r\n" % len(body)
    async with serve(Patient) as (_, port):
        last = HEAD + b"Connection: close\r\n\r\n"
        found = await answer(
            port, large + b"\r\n", large + b"\r\n", post + b"\r\n" + body, last, pause=0.2
        )
        assert found.count(b"HTTP/1.1 200") == 4
