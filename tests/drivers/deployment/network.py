"""A TCP proxy whose network can be cut, made slow, or half-open, while a test runs."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

CHUNK = 65_536


class TcpProxy:
    """Forwards connections to a server on this machine.

    `is_frozen`: connections stay open and nothing passes, as behind a firewall that forgot them.
    `pause` is waited, in seconds, before each chunk.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._passable = asyncio.Event()
        self._passable.set()
        self.is_cut = False  # connections are refused
        self.pause = 0.0
        self.port = 0

    @property
    def is_frozen(self) -> bool:
        return not self._passable.is_set()

    @is_frozen.setter
    def is_frozen(self, value: bool) -> None:
        if value:
            self._passable.clear()
        else:
            self._passable.set()

    def cut(self) -> None:
        """Ends all connections, and refuses others until `is_cut` is False again."""
        self.is_cut = True
        for writer in self._writers:
            writer.transport.abort()

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncGenerator["TcpProxy"]:
        """Accepts connections, with `tls` over TLS; the server gets what they send in the clear."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(*self._target)
        self._writers |= {writer, back}
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._forward(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await source.read(CHUNK):
                await asyncio.sleep(self.pause)
                await self._passable.wait()
                sink.write(chunk)
                await sink.drain()
        sink.transport.abort()
        self._writers.discard(sink)
