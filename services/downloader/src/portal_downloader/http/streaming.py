"""Sends pieces by the kernel where there is a line for it, else in large portions.

Portions are read in a thread; readers who are slow get smaller ones.

The stock file response spends nine times the processor on it, in chunks of 64 KiB. A portion that a
slow reader has not taken yet waits in memory, so that his are small.
"""

import asyncio
import contextlib
import os
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from portal_downloader.http.ranges import Span, content_range
from portal_downloader.http.segments import Cut, Pieces, Stored
from portal_downloader.http.sendfile import line

SMALLEST, FIRST, LARGEST = 65_536, 131_072, 1_048_576
EARNED = 64  # portions of a size are sent before they grow: a line's own buffers take the first
GONE_SECONDS = 1.0
SLOW, QUICK = 0.2, 0.02  # seconds until a portion was taken

Opens = Callable[[Stored], int | None]


class Reader:
    """Reads cuts one after the other; blocking, for one thread at a time."""

    def __init__(self, cuts: Iterator[Cut], opens: Opens) -> None:
        self._cuts = cuts
        self._opens = opens
        self._cut: Cut | None = None
        self._done = 0  # bytes of it
        self._open: tuple[str, int] | None = None

    def read(self, most: int) -> bytes:
        """The next bytes, as many as that unless the end is near; none at the end."""
        parts: list[bytes] = []
        left = most
        while left:
            if self._cut is None or self._done == self._cut.length:
                self._cut, self._done = next(self._cuts, None), 0
                if self._cut is None:
                    break
            part = self._part(self._cut, min(left, self._cut.length - self._done))
            self._done += len(part)
            left -= len(part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _part(self, cut: Cut, length: int) -> bytes:
        start = cut.start + self._done
        if isinstance(cut.piece, bytes):
            return cut.piece[start : start + length]
        found = os.pread(self.descriptor(cut.piece), length, start)
        if not found:
            raise EOFError("a file of the cache was cut short")  # ends the connection
        return found

    def descriptor(self, stored: Stored) -> int:
        if self._open is None or self._open[0] != stored.sha256:
            self.close()
            descriptor = self._opens(stored)
            if descriptor is None:
                raise EOFError("a file of the cache is gone")
            self._open = stored.sha256, descriptor
        return self._open[1]

    def close(self) -> None:
        if self._open is not None:
            os.close(self._open[1])
            self._open = None


class PiecesResponse(Response):
    """All pieces, a part of them, or several parts as multipart/byteranges."""

    def __init__(
        self,
        pieces: Pieces,
        opens: Opens,
        *,
        spans: Sequence[Span] | None,
        headers: Mapping[str, str],
        holding: AbstractContextManager[None],
    ) -> None:
        """`holding` is entered while it is sent."""
        self._pieces, self._opens, self._holding = pieces, opens, holding
        size, told = pieces.length, dict(headers)
        self._parts: list[bytes | Span] = [Span(0, size - 1)] if size else []
        if spans is not None and len(spans) == 1:
            self._parts = [spans[0]]
            told["Content-Range"] = content_range(spans[0], size)
        elif spans is not None:
            boundary = uuid.uuid4().hex
            self._parts = _multipart(spans, size, told["Content-Type"], boundary)
            told["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
        told["Content-Length"] = str(
            sum(p.length if isinstance(p, Span) else len(p) for p in self._parts)
        )
        super().__init__(None, 200 if spans is None else 206, told)

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_disconnected(receive))
        reader = Reader(self._cuts(), self._opens)
        start = {"type": "http.response.start", "status": self.status_code}
        try:
            with self._holding:
                await send({**start, "headers": self.raw_headers})
                if scope["method"] != "HEAD":
                    await self._send_body(scope, reader, send, gone)
                if not gone.done():
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:  # the reader went away: the server learns it too
            await asyncio.wait((gone,), timeout=GONE_SECONDS)
        finally:
            reader.close()
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone

    async def _send_body(
        self, scope: Scope, reader: Reader, send: Send, gone: asyncio.Task[None]
    ) -> None:
        straight = line(scope, gone)
        if straight is None:
            await _send_all(reader, send, gone)
            return
        try:
            await straight.begin()
            for cut in self._cuts():
                if isinstance(cut.piece, bytes):
                    await straight.bytes(cut.piece[cut.start : cut.start + cut.length])
                else:
                    await straight.file(reader.descriptor(cut.piece), cut.start, cut.length)
            straight.end()
        finally:
            straight.close()

    def _cuts(self) -> Iterator[Cut]:
        for part in self._parts:
            if isinstance(part, Span):
                yield from self._pieces.cuts(part)
            else:
                yield Cut(part, 0, len(part))


async def _send_all(reader: Reader, send: Send, gone: asyncio.Task[None]) -> None:
    async for portion in _portions(reader):
        await send({"type": "http.response.body", "body": portion, "more_body": True})
        if gone.done():
            return


async def _portions(reader: Reader) -> AsyncGenerator[bytes]:
    """Larger ones when they are taken quickly for long, smaller ones when they are not."""
    most, sent = FIRST, 0
    while portion := await asyncio.to_thread(reader.read, most):
        began = time.monotonic()
        yield portion
        took = time.monotonic() - began
        sent += len(portion)
        if took > SLOW:
            most, sent = max(SMALLEST, most // 2), 0
        elif took < QUICK and sent > EARNED * most:
            most = min(LARGEST, most * 2)


def _multipart(spans: Sequence[Span], size: int, kind: str, boundary: str) -> list[bytes | Span]:
    pieces: list[bytes | Span] = []
    for number, span in enumerate(spans):
        head = (
            f"{'' if number == 0 else chr(13) + chr(10)}--{boundary}\r\n"
            f"Content-Type: {kind}\r\nContent-Range: {content_range(span, size)}\r\n\r\n"
        )
        pieces += [head.encode("latin-1"), span]
    pieces.append(f"\r\n--{boundary}--\r\n".encode())
    return pieces


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
