"""A TCP server for one test, whose connections have all ended when the test ends."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

ROUNDS_TO_START = 10  # of the loop, more than from the acceptance of a connection to its handler
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def tcp_server(serve: Serve, host: str = "127.0.0.1") -> AsyncGenerator[int]:
    """Calls `serve` for each connection; yields the port.

    At the end `serve` is cancelled where it still runs, and its connection aborted: one that is
    left would be reported as unclosed, in whichever test runs when its memory is freed.
    """
    running: set[asyncio.Task[None]] = set()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        running.add(task)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                await serve(reader, writer)
            writer.close()
        except asyncio.CancelledError:
            writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        running.discard(task)

    server = await asyncio.start_server(connection, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        for _ in range(ROUNDS_TO_START):  # a server that closes meanwhile loses the connection
            await asyncio.sleep(0)
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running)
