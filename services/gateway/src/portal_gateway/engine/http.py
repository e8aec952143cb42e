"""HTTP/1.1 to one server over connections that are kept, one request at a time on each.

For the one hot call, to the search engine: a third of what aiohttp costs (docs/adr/0034). The
parser is uvicorn's; what is here is the keeping, the deadlines and the loss of connections. Answers
have a length or come in chunks: one that only the connection's end would end is Broken.
"""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httptools

_INFORMED = 200  # statuses below it come before the answer


@dataclass(frozen=True)
class Answer:
    status: int
    content: bytes


class Broken(OSError):
    """The connection ended, or what came is no HTTP; `unheard` when nothing had come."""

    def __init__(self, reason: str, *, unheard: bool = False) -> None:
        super().__init__(reason)
        self.unheard = unheard


class Connection(asyncio.Protocol):
    """Takes one request, gives its answer, and may then be asked again while `open`."""

    def __init__(self) -> None:
        self.open = False
        self.used = False  # has answered before
        self.since = 0.0  # monotonic: when it was laid aside
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiting: asyncio.Future[Answer] | None = None
        self._pieces: list[bytes] = []
        self._heard = False

    async def ask(self, request: bytes) -> Answer:
        """Raises Broken. Whoever is cancelled meanwhile has to close it."""
        if self._transport is None or not self.open:
            raise Broken("closed", unheard=True)
        self._heard = False
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
        self._heard = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"no HTTP: {error!r}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"ended before its answer: {exc!r}")

    # the parser calls these

    def on_message_begin(self) -> None:
        if self._waiting is None:  # nobody asked
            self.close()

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        content, status = b"".join(self._pieces), self._parser.get_status_code()
        self._pieces.clear()
        if status < _INFORMED:
            return
        waiting, self._waiting = self._waiting, None
        self.used = True
        if not self._parser.should_keep_alive():
            self.close()
        if waiting is not None and not waiting.done():
            waiting.set_result(Answer(status, content))

    def _fail(self, reason: str) -> None:
        waiting, self._waiting = self._waiting, None
        self.close()
        if waiting is not None and not waiting.done():
            waiting.set_exception(Broken(reason, unheard=not self._heard))


class Wire:
    """Asks one server; up to `most` requests at a time, the others wait their turn.

    `url` may have a path, which all requests begin with. Seconds are those of a whole request, of
    connecting, and for which an idle connection is used again (less than the server keeps it).
    Raises ValueError for a URL that names no server.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        most: int,
        seconds: float,
        connect_seconds: float,
        kept_seconds: float,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url[:100]!r} is no URL of a server")
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError(f"The URL of {parts.hostname} has more than a host, a port and a path")
        self._secure = ssl.create_default_context() if parts.scheme == "https" else None
        self._host = parts.hostname
        self._port = parts.port or (443 if self._secure else 80)
        self._base = parts.path.rstrip("/")
        self._head = "".join(
            f"{name}: {_line(value, name)}\r\n"
            for name, value in {"Host": parts.netloc, **headers}.items()
        )
        self._seconds, self._connect_seconds = seconds, connect_seconds
        self._kept_seconds = kept_seconds
        self._turn = asyncio.Semaphore(most)
        self._idle: list[Connection] = []
        self._closed = False

    async def ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """Raises OSError (Broken among them) and TimeoutError.

        Asked once more when a connection that was kept ends unheard: the server gave it up as we
        wrote. So only what may be asked twice is to be asked here.
        """
        length = "" if body is None else f"Content-Length: {len(body)}\r\n"
        target = _line(self._base + path, "The path")
        if " " in target:
            raise ValueError("The path is not quoted")
        head = f"{method} {target} HTTP/1.1\r\n{self._head}{length}\r\n".encode("ascii")
        request = head if body is None else head + body
        async with asyncio.timeout(self._seconds), self._turn:
            connection = self._kept() or await self._opened()
            try:
                return await self._asked(connection, request)
            except Broken as error:
                if not (error.unheard and connection.used):
                    raise
            return await self._asked(await self._opened(), request)

    def close(self) -> None:
        """What is under way is answered, and its connection closed then."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    async def _asked(self, connection: Connection, request: bytes) -> Answer:
        try:
            answer = await connection.ask(request)
        except BaseException:  # cancelled, too: what still comes would be taken for the next
            connection.close()
            raise
        if self._closed:
            connection.close()
        elif connection.open:
            connection.since = time.monotonic()
            self._idle.append(connection)
        return answer

    def _kept(self) -> Connection | None:
        """The one used last."""
        while self._idle:
            connection = self._idle.pop()
            if connection.open and time.monotonic() - connection.since < self._kept_seconds:
                return connection
            connection.close()
        return None

    async def _opened(self) -> Connection:
        async with asyncio.timeout(self._connect_seconds):
            _, connection = await asyncio.get_running_loop().create_connection(
                Connection, self._host, self._port, ssl=self._secure
            )
        return connection


def _line(text: str, name: str) -> str:
    """Raises ValueError for what would not stay within its line of a head; never tells a key."""
    if not (text.isascii() and text.isprintable()):
        raise ValueError(f"{name} has characters that no line of HTTP has")
    return text
