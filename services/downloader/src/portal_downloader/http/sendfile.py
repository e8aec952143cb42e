"""The line to a reader itself: files go from the cache into it by the kernel, not through Python.

ASGI has no such thing for a part of a file. uvicorn's own object behind `send` has: its transport,
and the count of bytes it still expects. Where they are not as this knows them (another server, TLS,
a wrapped `send`), there is no line, and portions are sent instead. ADR 21 has why.
"""

import asyncio
import os
import socket
from functools import partial
from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from typing_extensions import override

KEY = "portal.line"  # in the scope
AT_ONCE = 2 * 2**20  # bytes given to the kernel in one call: then others have their turn
AHEAD = 8 * 2**20  # bytes the kernel is told to read ahead: it should not wait for the disk


class Gone(OSError):
    """The reader has gone away."""


class Application(FastAPI):
    """Notes in the scope what it is called by, before anything is wrapped around it."""

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope[KEY] = getattr(send, "__self__", None)
        await super().__call__(scope, receive, send)


class Line:
    """Sends bytes after the headers have been sent; `end` says so to the server."""

    def __init__(self, cycle: Any, socket_: socket.socket, gone: asyncio.Future[Any]) -> None:
        self._cycle = cycle
        self._socket = socket_
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._sent = 0

    async def begin(self) -> None:
        """Once what the server has written itself is on its way."""
        pause = 0.0
        while self._cycle.transport.get_write_buffer_size():
            await asyncio.sleep(pause)
            pause = min(pause + 0.001, 0.05)
            self._check()

    async def bytes(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                count = self._socket.send(left, socket.MSG_MORE | socket.MSG_DONTWAIT)
            except BlockingIOError:
                await self._writable()
                continue
            self._sent += count
            left = left[count:]

    async def file(self, descriptor: int, start: int, length: int) -> None:
        """Raises EOFError where the file is shorter than that."""
        at, end, told = start, start + length, start
        while at < end:
            if at + AT_ONCE > told:
                os.posix_fadvise(descriptor, told, AHEAD, os.POSIX_FADV_WILLNEED)
                told += AHEAD
            try:
                count = os.sendfile(self._socket.fileno(), descriptor, at, min(AT_ONCE, end - at))
            except BlockingIOError:
                await self._writable()
                continue
            if not count:
                raise EOFError("a file of the cache was cut short")  # ends the connection
            at += count
            self._sent += count
            await asyncio.sleep(0)
            self._check()

    def end(self) -> None:
        """The server need not expect what was sent."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # no more is to come
        self._cycle.expected_content_length -= self._sent

    def close(self) -> None:
        self._socket.close()

    def _check(self) -> None:
        if self._gone.done():
            raise Gone("the reader has gone away")

    async def _writable(self) -> None:
        """Or gone."""
        ready: asyncio.Future[None] = self._loop.create_future()
        wake = partial(_set, ready)
        self._loop.add_writer(self._socket.fileno(), wake)
        self._gone.add_done_callback(wake)
        try:
            await ready
        finally:
            self._loop.remove_writer(self._socket.fileno())
            self._gone.remove_done_callback(wake)
        self._check()


def _set(ready: asyncio.Future[None], *_: object) -> None:
    if not ready.done():
        ready.set_result(None)


def line(scope: Scope, gone: asyncio.Future[Any]) -> Line | None:
    """To be closed. None where there is none."""
    cycle = scope.get(KEY)
    transport = getattr(cycle, "transport", None)
    if not isinstance(getattr(cycle, "expected_content_length", None), int) or transport is None:
        return None
    if transport.get_extra_info("sslcontext") is not None:
        return None
    found = transport.get_extra_info("socket")
    if found is None or found.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    return Line(cycle, socket.socket(fileno=os.dup(found.fileno())), gone)
