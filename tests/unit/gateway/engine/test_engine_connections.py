"""The gateway's connections to its engine."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import pytest
from portal_gateway.engine.client import Engine
from portal_gateway.settings import GatewaySettings
from portal_shared.runtime.errors import Unavailable

ANSWER = (
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"hits":[]}'
)


@pytest.fixture
async def address() -> AsyncGenerator[str]:
    """A server that promises to keep a connection, and closes it when it is used again."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        with contextlib.suppress(asyncio.IncompleteReadError):  # it is not used again
            await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(once, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.sleep(0.05)  # connections end


async def test_a_connection_closed_by_the_engine_is_replaced(address: str) -> None:
    engine = Engine(GatewaySettings(meilisearch_url=address))
    for _ in range(2):
        assert await engine.search("documents", {}) == {"hits": []}
        await asyncio.sleep(0)
    engine.close()


async def test_a_missing_engine_is_unavailable(unused_tcp_port: int) -> None:
    engine = Engine(GatewaySettings(meilisearch_url=f"http://127.0.0.1:{unused_tcp_port}"))
    with pytest.raises(Unavailable):
        await engine.check_health()
    engine.close()
