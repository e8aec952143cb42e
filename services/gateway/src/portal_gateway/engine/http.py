"""HTTP/1.1 client of one server with a connection pool. aiohttp can replace it.

It is used for the hot call to the search engine, at a third of the cost of aiohttp (ADR 34). The
parser is httptools; this module adds reuse of connections, deadlines and retries. Responses must
have a length or be chunked: one that ends with its connection raises Broken.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import httptools
from portal_shared.runtime.tls import tls_context

_FINAL_STATUS = 200  # lower statuses are interim responses


@dataclass(frozen=True)
class HttpResponse:
    status: int
    content: bytes


class Broken(OSError):
    """The connection was lost or the response is not HTTP; `no_response`: no byte was received."""

    def __init__(self, reason: str, *, no_response: bool = False) -> None:
        super().__init__(reason)
        self.no_response = no_response


class Connection(asyncio.Protocol):
    """A connection that sends one request at a time. It can be reused while it is `open`."""

    def __init__(self) -> None:
        self.open = False
        self.used = False  # a response was received before
        self.idle_since = 0.0  # monotonic time
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiting: asyncio.Future[HttpResponse] | None = None
        self._pieces: list[bytes] = []
        self._received = False

    async def request(self, request: bytes) -> HttpResponse:
        """Raises Broken. If the caller is cancelled, it must close the connection."""
        if self._transport is None or not self.open:
            raise Broken("closed", no_response=True)
        self._received = False
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        self.open = False
        if self._transport is not None:
            self._transport.abort()

    # asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.open = True

    def data_received(self, data: bytes) -> None:
        self._received = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"response is not HTTP: {error!r}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"connection lost before the response: {exc!r}")

    # the parser calls these

    def on_message_begin(self) -> None:
        if self._waiting is None:  # a response without a request
            self.close()

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        content, status = b"".join(self._pieces), self._parser.get_status_code()
        self._pieces.clear()
        if status < _FINAL_STATUS:
            return
        waiting, self._waiting = self._waiting, None
        self.used = True
        if not self._parser.should_keep_alive():
            self.close()
        if waiting is not None and not waiting.done():
            waiting.set_result(HttpResponse(status, content))

    def _fail(self, reason: str) -> None:
        waiting, self._waiting = self._waiting, None
        self.close()
        if waiting is not None and not waiting.done():
            waiting.set_exception(Broken(reason, no_response=not self._received))


class HttpClient:
    """Sends requests to one server, `max_connections` at a time; others wait.

    The path of `url` is put before the path of each request. `seconds` is the deadline of a whole
    request, `connect_seconds` of connecting, `keep_alive_seconds` the longest idle time of a
    connection that is reused (choose less than the server's); `ca_file` has
    authorities that are trusted besides those of the system. Raises ValueError for an invalid URL.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        max_connections: int,
        seconds: float,
        connect_seconds: float,
        keep_alive_seconds: float,
        ca_file: Path | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url[:100]!r} is not an http or https URL of a server")
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError(
                f"The URL of {parts.hostname} must have only a scheme, a host, a port and a path"
            )
        self._secure = tls_context(ca_file) if parts.scheme == "https" else None
        self._host = parts.hostname
        self._port = parts.port or (443 if self._secure else 80)
        self._base = parts.path.rstrip("/")
        self._head = "".join(
            f"{name}: {_line(value, name)}\r\n"
            for name, value in {"Host": parts.netloc, **headers}.items()
        )
        self._seconds, self._connect_seconds = seconds, connect_seconds
        self._keep_alive_seconds = keep_alive_seconds
        self._slots = asyncio.Semaphore(max_connections)
        self._idle: list[Connection] = []
        self._closed = False

    async def request(self, method: str, path: str, body: bytes | None = None) -> HttpResponse:
        """Raises OSError (including Broken), and TimeoutError if there is no response in time.

        Repeats the request once if a reused connection was lost without a response, because the
        server may have closed it as idle. So use it only for requests that can be repeated.
        """
        length = "" if body is None else f"Content-Length: {len(body)}\r\n"
        target = _line(self._base + path, "The path")
        if " " in target:
            raise ValueError("The path has a space: quote it")
        head = f"{method} {target} HTTP/1.1\r\n{self._head}{length}\r\n".encode("ascii")
        request = head if body is None else head + body
        async with asyncio.timeout(self._seconds), self._slots:
            connection = self._take_idle() or await self._connect()
            try:
                return await self._exchange(connection, request)
            except Broken as error:
                if not (error.no_response and connection.used):
                    raise
            return await self._exchange(await self._connect(), request)

    def close(self) -> None:
        """Closes idle connections now, and others after their response."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    async def _exchange(self, connection: Connection, request: bytes) -> HttpResponse:
        try:
            response = await connection.request(request)
        except BaseException:  # also if cancelled: a late response would answer the next request
            connection.close()
            raise
        if self._closed:
            connection.close()
        elif connection.open:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        return response

    def _take_idle(self) -> Connection | None:
        """Returns the open connection that was used last."""
        while self._idle:
            connection = self._idle.pop()
            if (
                connection.open
                and time.monotonic() - connection.idle_since < self._keep_alive_seconds
            ):
                return connection
            connection.close()
        return None

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(self._connect_seconds):
                _, connection = await asyncio.get_running_loop().create_connection(
                    Connection, self._host, self._port, ssl=self._secure
                )
        except TimeoutError as error:
            raise ConnectionError(f"no connection within {self._connect_seconds} s") from error
        return connection


def _line(text: str, name: str) -> str:
    """Raises ValueError for characters that would break the header line; never shows the text."""
    if not (text.isascii() and text.isprintable()):
        raise ValueError(f"{name} has characters that are not allowed in an HTTP header")
    return text
