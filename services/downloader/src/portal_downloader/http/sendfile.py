"""Zero-copy sending of cached files by the kernel (sendfile) into the client's socket.

ASGI cannot send a part of a file this way. uvicorn's object behind `send` has the transport and the
number of bytes it still expects. Where they are not as expected here (another server, TLS, a
wrapped `send`), chunks are sent through ASGI instead. See ADR 21.
"""

import asyncio
import os
import socket
from functools import partial
from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from portal_downloader.metrics import SERVED_BYTES

SCOPE_KEY = "portal.sendfile"
BYTES_PER_CALL = 2 * 2**20  # of sendfile; other tasks run between calls
STALL_SECONDS = 300.0  # without a byte taken by the client; as nginx's send_timeout here
READAHEAD_BYTES = 8 * 2**20  # requested of the kernel, so that sendfile need not wait


class Disconnected(OSError):
    """The client has closed the connection."""


class SendfileApplication(FastAPI):
    """A FastAPI application that stores the server's request cycle in the scope."""

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope[SCOPE_KEY] = getattr(send, "__self__", None)
        await super().__call__(scope, receive, send)


class SendfileSocket:
    """Sends bytes and files into the client's socket after the headers."""

    def __init__(
        self, cycle: Any, socket_: socket.socket, disconnected: asyncio.Future[Any]
    ) -> None:
        self._cycle = cycle
        self._socket = socket_
        self._disconnected = disconnected
        self._loop = asyncio.get_running_loop()
        self._sent = 0

    async def wait_for_headers(self) -> None:
        """Waits until the server's own write buffer is empty."""
        pause = 0.0
        while self._cycle.transport.get_write_buffer_size():
            await asyncio.sleep(pause)
            pause = min(pause + 0.001, 0.05)
            self._check_connected()

    async def send_bytes(self, data: bytes) -> None:
        """Sends bytes that the next call may continue."""
        left = memoryview(data)
        while left:
            try:
                count = self._socket.send(left, socket.MSG_MORE | socket.MSG_DONTWAIT)
            except BlockingIOError:
                await self._wait_writable()
                continue
            self._add(count)
            left = left[count:]

    async def send_file(self, descriptor: int, start: int, length: int) -> None:
        """Sends part of a file. Raises EOFError where the file is shorter."""
        position, end, read_ahead = start, start + length, start
        while position < end:
            if position + BYTES_PER_CALL > read_ahead:
                os.posix_fadvise(descriptor, read_ahead, READAHEAD_BYTES, os.POSIX_FADV_WILLNEED)
                read_ahead += READAHEAD_BYTES
            try:
                count = os.sendfile(
                    self._socket.fileno(), descriptor, position, min(BYTES_PER_CALL, end - position)
                )
            except BlockingIOError:
                await self._wait_writable()
                continue
            if not count:
                raise EOFError("a file of the cache is truncated")  # ends the connection
            position += count
            self._add(count)
            await asyncio.sleep(0)
            self._check_connected()

    def _add(self, count: int) -> None:
        self._sent += count
        SERVED_BYTES.inc(count)

    def finish(self) -> None:
        """Reduces the number of bytes that the server still expects by those sent here."""
        self._socket.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )  # sends what MSG_MORE delayed
        self._cycle.expected_content_length -= self._sent

    def close(self) -> None:
        """Closes the duplicate of the client's socket."""
        self._socket.close()

    def _check_connected(self) -> None:
        if self._disconnected.done():
            raise Disconnected("the client has disconnected")

    async def _wait_writable(self) -> None:
        """Waits until the socket is writable. Raises Disconnected.

        The connection of a client that takes nothing for a long time is closed.
        """
        ready: asyncio.Future[None] = self._loop.create_future()
        wake = partial(_set, ready)
        stalled = self._loop.call_later(STALL_SECONDS, self._cycle.transport.abort)
        self._loop.add_writer(self._socket.fileno(), wake)
        self._disconnected.add_done_callback(wake)
        try:
            await ready
        finally:
            stalled.cancel()
            self._loop.remove_writer(self._socket.fileno())
            self._disconnected.remove_done_callback(wake)
        self._check_connected()


def _set(ready: asyncio.Future[None], *_: object) -> None:
    if not ready.done():
        ready.set_result(None)


def open_sendfile(scope: Scope, disconnected: asyncio.Future[Any]) -> SendfileSocket | None:
    """Returns a SendfileSocket that the caller must close, or None if it is not supported."""
    cycle = scope.get(SCOPE_KEY)
    transport = getattr(cycle, "transport", None)
    if not isinstance(getattr(cycle, "expected_content_length", None), int) or transport is None:
        return None
    if transport.get_extra_info("sslcontext") is not None:
        return None
    client = transport.get_extra_info("socket")
    if client is None or client.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    return SendfileSocket(cycle, socket.socket(fileno=os.dup(client.fileno())), disconnected)
