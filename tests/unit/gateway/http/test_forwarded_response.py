"""The client of the proxies, which serves many readers."""

import asyncio

from portal_gateway.http.forwarded_response import http_client

from tests.drivers.deployment.tcp_server import tcp_server

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: lengths=mm; Path=/\r\n\r\n"


async def test_cookies_of_one_reader_are_not_sent_for_another() -> None:
    requests: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):  # on one connection
            requests.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower())
            writer.write(ANSWER)
            await writer.drain()

    async with tcp_server(answer) as port, http_client() as client:
        first = await client.get(f"http://127.0.0.1:{port}/lengths", headers={"cookie": "own=1"})
        await client.get(f"http://127.0.0.1:{port}/search")
    assert first.headers["set-cookie"].startswith("lengths=mm")  # reaches its own reader
    assert "cookie: own=1" in requests[0]
    assert "cookie:" not in requests[1]
