"""Reads the body of an HTTP request, by its Content-Length or in chunks."""

from collections.abc import Iterator
from email.message import Message
from io import BufferedIOBase

_CHUNK_BYTES = 1 << 20
_MAX_LINE_BYTES = 100


class Malformed(ValueError):
    """The body is shorter than its length or its chunks declare."""


def chunks(headers: Message, stream: BufferedIOBase) -> Iterator[bytes]:
    """Yields the body in parts. Raises Malformed if it is incomplete."""
    if headers.get("Transfer-Encoding", "").lower() == "chunked":
        yield from _chunked(stream)
        return
    length = headers.get("Content-Length", "0")
    if not length.isdecimal():
        raise Malformed("Content-Length: the number of bytes is required")
    yield from _exactly(stream, int(length))


def _chunked(stream: BufferedIOBase) -> Iterator[bytes]:
    while True:
        line = stream.readline(_MAX_LINE_BYTES).partition(b";")[0].strip()
        try:
            size = int(line, 16)
        except ValueError as error:
            raise Malformed("a chunk does not begin with its size") from error
        if size < 0:
            raise Malformed("a chunk does not begin with its size")
        yield from _exactly(stream, size)
        if size:
            stream.readline(_MAX_LINE_BYTES)
            continue
        while stream.readline(_MAX_LINE_BYTES).strip():  # trailers
            pass
        return


def _exactly(stream: BufferedIOBase, size: int) -> Iterator[bytes]:
    while size:
        chunk = stream.read(min(size, _CHUNK_BYTES))
        if not chunk:
            raise Malformed("the body is incomplete")
        size -= len(chunk)
        yield chunk
