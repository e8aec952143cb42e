"""Sends bytes of a file in large chunks, read in a thread from a descriptor opened before.

The stock file response spends nine times the processor on it, in chunks of 64 KiB.
"""

import asyncio
import contextlib
import os
import uuid
from collections.abc import Mapping, Sequence

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from portal_downloader.ranges import Span, content_range

CHUNK = 1_048_576


class FileBytes(Response):
    """The whole file, a part, or several parts as multipart/byteranges; owns the descriptor."""

    def __init__(
        self,
        descriptor: int,
        *,
        size: int,
        spans: Sequence[Span] | None,
        headers: Mapping[str, str],
    ) -> None:
        self._descriptor = descriptor
        told = dict(headers)
        self._pieces: list[bytes | Span] = [Span(0, size - 1)] if size else []
        if spans is not None and len(spans) == 1:
            self._pieces = [spans[0]]
            told["Content-Range"] = content_range(spans[0], size)
        elif spans is not None:
            boundary = uuid.uuid4().hex
            self._pieces = _multipart(spans, size, told["Content-Type"], boundary)
            told["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
        told["Content-Length"] = str(
            sum(p.length if isinstance(p, Span) else len(p) for p in self._pieces)
        )
        super().__init__(None, 200 if spans is None else 206, told)

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_disconnected(receive))
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            if scope["method"] != "HEAD":
                await self._send_pieces(send, gone)
            if not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:  # the reader went away
            return
        finally:
            os.close(self._descriptor)
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone

    async def _send_pieces(self, send: Send, gone: asyncio.Task[None]) -> None:
        for piece in self._pieces:
            if isinstance(piece, bytes):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                continue
            at = piece.first
            while at <= piece.last and not gone.done():
                wanted = min(CHUNK, piece.last + 1 - at)
                chunk = await asyncio.to_thread(os.pread, self._descriptor, wanted, at)
                if not chunk:
                    raise EOFError("a file of the cache was cut short")  # ends the connection
                at += len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})


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
