"""The client of the proxies, which serves many readers."""

import asyncio

from portal_gateway.http.forwarded_response import http_client

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: lengths=mm; Path=/\r\n\r\n"


async def test_cookies_of_one_reader_are_not_sent_for_another() -> None:
    requests: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):  # on one connection
            requests.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower())
            writer.write(ANSWER)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, http_client() as client:
        first = await client.get(f"http://127.0.0.1:{port}/lengths", headers={"cookie": "own=1"})
        await client.get(f"http://127.0.0.1:{port}/search")
    assert first.headers["set-cookie"].startswith("lengths=mm")  # reaches its own reader
    assert "cookie: own=1" in requests[0]
    assert "cookie:" not in requests[1]
