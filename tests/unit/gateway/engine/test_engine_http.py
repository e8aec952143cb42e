"""What may go wrong on the line between gateway and engine, on real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from portal_gateway.engine.http import Broken, HttpClient, HttpResponse

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def served(
    by: Serve, *, connections: int = 10, seconds: float = 5
) -> AsyncGenerator[HttpClient]:
    served_now: set[asyncio.Task[None] | None] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served_now.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await by(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = HttpClient(
        f"http://127.0.0.1:{port}/base/",
        {"Authorization": "Bearer key"},
        max_connections=connections,
        seconds=seconds,
        connect_seconds=2,
        keep_alive_seconds=3,
    )
    try:
        yield client
    finally:
        client.close()
        server.close()
        await asyncio.gather(*(t for t in served_now if t is not None))


async def head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def answering(*answers: bytes, seen: list[bytes] | None = None) -> Serve:
    """Each connection answers these, one by one, and then closes."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            request = await head(reader)
            if seen is not None:
                seen.append(request)
            writer.write(answer)
            await writer.drain()

    return one


async def test_requests_reuse_one_connection() -> None:
    opened: list[int] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(1)
        await answering(*[OK] * 5)(reader, writer)

    async with served(one) as client:
        for _ in range(5):
            assert await client.request("GET", "/x") == HttpResponse(200, b"{}")
    assert len(opened) == 1


async def test_a_request_is_sent_below_the_base_with_its_headers_and_length() -> None:
    seen: list[bytes] = []
    async with served(answering(OK, seen=seen)) as client:
        await client.request("POST", "/search?a=b", b"12345")
    first, *lines = seen[0].decode().split("\r\n")
    assert first == "POST /base/search?a=b HTTP/1.1"
    assert {"Authorization: Bearer key", "Content-Length: 5"} <= set(lines)
    assert any(line.startswith("Host: 127.0.0.1:") for line in lines)


async def test_a_chunked_response_is_joined() -> None:
    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        started = b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"
        for byte in started + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

    async with served(slowly) as client:
        assert await client.request("GET", "/x") == HttpResponse(404, b"abcde")


async def test_large_requests_and_responses_are_complete() -> None:
    size = 20_000_000

    async def large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        body = await reader.readexactly(size)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + body[::-1])

    async with served(large) as client:
        body = b"a" + b"-" * (size - 2) + b"b"
        answer = await client.request("POST", "/x", body)
    assert answer.content == body[::-1]


async def test_interim_responses_are_skipped() -> None:
    async with served(answering(b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + OK)) as client:
        assert await client.request("GET", "/x") == HttpResponse(200, b"{}")


async def test_a_request_is_repeated_if_a_reused_connection_was_lost_without_response() -> None:
    async def ends_after_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(OK)
        await head(reader)  # and gives it up

    async with served(ends_after_one) as client:
        for _ in range(4):
            assert (await client.request("GET", "/x")).status == 200


async def test_a_new_connection_that_is_lost_without_response_raises_broken() -> None:
    async with served(answering(b"")) as client:
        with pytest.raises(Broken, match="lost before the response"):
            await client.request("GET", "/x")


async def test_an_incomplete_response_raises_broken_without_a_second_request() -> None:
    seen: list[bytes] = []
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    async with served(answering(OK, cut, seen=seen)) as client:
        await client.request("GET", "/x")
        with pytest.raises(Broken):
            await client.request("GET", "/x")
    assert len(seen) == 2


async def test_a_response_that_is_not_http_raises_broken() -> None:
    async with served(answering(b"SSH-2.0-OpenSSH_9.2\r\n")) as client:
        with pytest.raises(Broken, match="not HTTP"):
            await client.request("GET", "/x")


async def test_a_connection_that_the_server_closes_is_not_reused() -> None:
    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        await reader.read()  # and receives no more

    async with served(closing) as client:
        for _ in range(3):
            assert (await client.request("GET", "/x")).content == b"{}"


async def test_an_unsolicited_response_closes_the_connection() -> None:
    stray = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"

    async def stray_after(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(OK)
        await asyncio.sleep(0.05)
        writer.write(stray)
        await head(reader)
        writer.write(OK)

    async with served(stray_after) as client:
        assert (await client.request("GET", "/x")).content == b"{}"
        await asyncio.sleep(0.1)
        assert (await client.request("GET", "/x")).content == b"{}"


async def test_a_second_response_is_not_taken_for_the_next_request() -> None:
    stray = OK.replace(b"{}", b"[]")
    for more in (stray, stray[:20]):
        async with served(answering(OK + more, stray[20:], OK)) as client:
            for _ in range(3):
                assert (await client.request("GET", "/x")).content == b"{}"


async def test_a_cancelled_request_closes_its_connection() -> None:
    ended = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if b"/slow" not in await head(reader):
            writer.write(OK)
            return
        with contextlib.suppress(ConnectionError):
            await reader.read()
        ended.set()

    async with served(slow) as client:
        pending = asyncio.create_task(client.request("GET", "/slow"))
        await asyncio.sleep(0.05)
        pending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pending
        async with asyncio.timeout(3):
            await ended.wait()
        assert (await client.request("GET", "/quick")).content == b"{}"


async def test_a_pending_request_is_answered_after_close() -> None:
    ended = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        await asyncio.sleep(0.1)
        writer.write(OK)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        ended.set()

    async with served(slow) as client:
        pending = asyncio.create_task(client.request("GET", "/x"))
        await asyncio.sleep(0.05)
        client.close()
        assert (await pending).content == b"{}"
        async with asyncio.timeout(3):
            await ended.wait()


async def test_a_silent_server_is_waited_for_until_the_deadline() -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with served(silent, seconds=0.2) as client:
        with pytest.raises(TimeoutError):
            await client.request("GET", "/x")


async def test_concurrent_requests_are_limited() -> None:
    now = peak = 0

    async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now, peak
        while True:
            await head(reader)
            now += 1
            peak = max(peak, now)
            await asyncio.sleep(0.01)
            now -= 1
            writer.write(OK)

    async with served(counting, connections=3) as client:
        answers = await asyncio.gather(*(client.request("GET", "/x") for _ in range(20)))
    assert len(answers) == 20
    assert peak == 3


@pytest.mark.parametrize("path", ["/a b", "/a\r\nHost: other", "/a\x00", "/é"])
async def test_a_path_stays_in_its_line(path: str) -> None:
    async with served(answering(OK)) as client:
        with pytest.raises(ValueError, match=r"not allowed in an HTTP header|has a space"):
            await client.request("GET", path)


@pytest.mark.parametrize("url", ["localhost:7700", "ftp://host", "http://", ""])
def test_a_url_that_is_not_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not an http or https URL"):
        made(url)


@pytest.mark.parametrize("url", ["http://me:secret@host", "http://host/?key=secret", "http://h/#f"])
def test_a_url_with_unused_parts_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ValueError, match="only a scheme, a host, a port and a path") as refused:
        made(url)
    assert "secret" not in str(refused.value)


def test_a_key_with_a_line_break_is_refused_and_not_shown() -> None:
    with pytest.raises(ValueError, match="Authorization has characters") as refused:
        made("http://host", {"Authorization": "Bearer secret\n"})
    assert "secret" not in str(refused.value)


def made(url: str, headers: dict[str, str] | None = None) -> HttpClient:
    return HttpClient(
        url, headers or {}, max_connections=1, seconds=1, connect_seconds=1, keep_alive_seconds=1
    )
