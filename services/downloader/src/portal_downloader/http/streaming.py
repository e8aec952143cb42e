"""ASGI response that sends segments, by sendfile where supported, else in chunks.

Chunks are read in a thread. Starlette's file response needs nine times the processor time with its
chunks of 64 KiB. A chunk that a slow client has not taken yet stays in memory, so that slow clients
get smaller ones.
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
from portal_downloader.http.segments import Segments, SegmentSlice, StoredContent
from portal_downloader.http.sendfile import open_sendfile
from portal_downloader.metrics import SERVED_BYTES

MIN_CHUNK_BYTES, FIRST_CHUNK_BYTES, MAX_CHUNK_BYTES = 65_536, 131_072, 1_048_576
CHUNKS_BEFORE_GROWTH = 64  # of one size: the first only fill buffers of the connection
DISCONNECT_SECONDS = 1.0  # wait for the server to report a disconnect
SLOW_SECONDS, QUICK_SECONDS = 0.2, 0.02  # until a chunk was taken

OpenContent = Callable[[StoredContent], int | None]


class SliceReader:
    """Reads slices one after the other; blocking, for one thread at a time."""

    def __init__(self, slices: Iterator[SegmentSlice], open_content: OpenContent) -> None:
        self._slices = slices
        self._open_content = open_content
        self._slice: SegmentSlice | None = None
        self._done = 0  # bytes of it
        self._open: tuple[str, int] | None = None

    def read(self, most: int) -> bytes:
        """Returns the next bytes, at most `most`; empty at the end."""
        parts: list[bytes] = []
        left = most
        while left:
            if self._slice is None or self._done == self._slice.length:
                self._slice, self._done = next(self._slices, None), 0
                if self._slice is None:
                    break
            part = self._part(self._slice, min(left, self._slice.length - self._done))
            self._done += len(part)
            left -= len(part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _part(self, slice_: SegmentSlice, length: int) -> bytes:
        start = slice_.start + self._done
        if isinstance(slice_.segment, bytes):
            return slice_.segment[start : start + length]
        found = os.pread(self.descriptor(slice_.segment), length, start)
        if not found:
            raise EOFError("a file of the cache is truncated")  # ends the connection
        return found

    def descriptor(self, stored: StoredContent) -> int:
        """Returns the open file of a content, opening it if it is not the current one."""
        if self._open is None or self._open[0] != stored.sha256:
            self.close()
            descriptor = self._open_content(stored)
            if descriptor is None:
                raise EOFError("a file has left the cache")
            self._open = stored.sha256, descriptor
        return self._open[1]

    def close(self) -> None:
        if self._open is not None:
            os.close(self._open[1])
            self._open = None


class SegmentsResponse(Response):
    """Sends all segments, one range, or several ranges as multipart/byteranges."""

    def __init__(
        self,
        segments: Segments,
        open_content: OpenContent,
        *,
        spans: Sequence[Span] | None,
        headers: Mapping[str, str],
        holding: AbstractContextManager[None],
    ) -> None:
        """`holding` is entered while the response is sent."""
        self._segments, self._open_content, self._holding = segments, open_content, holding
        size, all_headers = segments.length, dict(headers)
        self._parts: list[bytes | Span] = [Span(0, size - 1)] if size else []
        if spans is not None and len(spans) == 1:
            self._parts = [spans[0]]
            all_headers["Content-Range"] = content_range(spans[0], size)
        elif spans is not None:
            boundary = uuid.uuid4().hex
            self._parts = _multipart(spans, size, all_headers["Content-Type"], boundary)
            all_headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
        all_headers["Content-Length"] = str(
            sum(p.length if isinstance(p, Span) else len(p) for p in self._parts)
        )
        super().__init__(None, 200 if spans is None else 206, all_headers)

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        disconnected = asyncio.create_task(_wait_for_disconnect(receive))
        reader = SliceReader(self._slices(), self._open_content)
        start = {"type": "http.response.start", "status": self.status_code}
        try:
            with self._holding:
                await send({**start, "headers": self.raw_headers})
                if scope["method"] != "HEAD":
                    await self._send_body(scope, reader, send, disconnected)
                if not disconnected.done():
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:  # the client disconnected; the server reports it, too
            await asyncio.wait((disconnected,), timeout=DISCONNECT_SECONDS)
        finally:
            reader.close()
            disconnected.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await disconnected

    async def _send_body(
        self, scope: Scope, reader: SliceReader, send: Send, disconnected: asyncio.Task[None]
    ) -> None:
        direct = open_sendfile(scope, disconnected)
        if direct is None:
            await _send_all(reader, send, disconnected)
            return
        try:
            await direct.wait_for_headers()
            for slice_ in self._slices():
                if isinstance(slice_.segment, bytes):
                    await direct.send_bytes(
                        slice_.segment[slice_.start : slice_.start + slice_.length]
                    )
                else:
                    await direct.send_file(
                        reader.descriptor(slice_.segment), slice_.start, slice_.length
                    )
            direct.finish()
        finally:
            direct.close()

    def _slices(self) -> Iterator[SegmentSlice]:
        for part in self._parts:
            if isinstance(part, Span):
                yield from self._segments.slices(part)
            else:
                yield SegmentSlice(part, 0, len(part))


async def _send_all(reader: SliceReader, send: Send, gone: asyncio.Task[None]) -> None:
    async for portion in _adaptive_chunks(reader):
        await send({"type": "http.response.body", "body": portion, "more_body": True})
        SERVED_BYTES.inc(len(portion))
        if gone.done():
            return


async def _adaptive_chunks(reader: SliceReader) -> AsyncGenerator[bytes]:
    """Yields chunks that grow while they are taken quickly and shrink while they are not."""
    size, sent = FIRST_CHUNK_BYTES, 0
    while chunk := await asyncio.to_thread(reader.read, size):
        started = time.monotonic()
        yield chunk
        seconds = time.monotonic() - started
        sent += len(chunk)
        if seconds > SLOW_SECONDS:
            size, sent = max(MIN_CHUNK_BYTES, size // 2), 0
        elif seconds < QUICK_SECONDS and sent > CHUNKS_BEFORE_GROWTH * size:
            size = min(MAX_CHUNK_BYTES, size * 2)


def _multipart(
    spans: Sequence[Span], size: int, media_type: str, boundary: str
) -> list[bytes | Span]:
    parts: list[bytes | Span] = []
    for number, span in enumerate(spans):
        head = (
            f"{'' if number == 0 else chr(13) + chr(10)}--{boundary}\r\n"
            f"Content-Type: {media_type}\r\nContent-Range: {content_range(span, size)}\r\n\r\n"
        )
        parts += [head.encode("latin-1"), span]
    parts.append(f"\r\n--{boundary}--\r\n".encode())
    return parts


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
