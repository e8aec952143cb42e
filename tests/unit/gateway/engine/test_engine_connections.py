"""The gateway's connections to its engine."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from portal_gateway.engine.client import Engine
from portal_gateway.settings import GatewaySettings
from portal_shared.runtime.errors import Unavailable

from tests.drivers.deployment.tcp_server import tcp_server

ANSWER = (
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"hits":[]}'
)


@pytest.fixture
async def address() -> AsyncGenerator[str]:
    """A server that promises to keep a connection, and closes it when it is used again."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        await reader.readuntil(b"\r\n\r\n")

    async with tcp_server(once) as port:
        yield f"http://127.0.0.1:{port}"


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
