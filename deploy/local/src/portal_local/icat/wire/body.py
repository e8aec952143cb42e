"""The body of an HTTP request, as it comes in: of a length that was said, or in chunks."""

from collections.abc import Iterator
from email.message import Message
from io import BufferedIOBase

_PIECE = 1 << 20
_LONGEST_LINE = 100


class Malformed(ValueError):
    """The body does not end where its length or its chunks say."""


def chunks(headers: Message, stream: BufferedIOBase) -> Iterator[bytes]:
    """Piece by piece; Malformed if it breaks off."""
    if headers.get("Transfer-Encoding", "").lower() == "chunked":
        yield from _chunked(stream)
        return
    length = headers.get("Content-Length", "0")
    if not length.isdecimal():
        raise Malformed("Content-Length: a number of bytes is needed")
    yield from _exactly(stream, int(length))


def _chunked(stream: BufferedIOBase) -> Iterator[bytes]:
    while True:
        line = stream.readline(_LONGEST_LINE).partition(b";")[0].strip()
        try:
            size = int(line, 16)
        except ValueError as error:
            raise Malformed("a chunk does not begin with its size") from error
        if size < 0:
            raise Malformed("a chunk does not begin with its size")
        yield from _exactly(stream, size)
        if size:
            stream.readline(_LONGEST_LINE)
            continue
        while stream.readline(_LONGEST_LINE).strip():  # trailers
            pass
        return


def _exactly(stream: BufferedIOBase, size: int) -> Iterator[bytes]:
    while size:
        piece = stream.read(min(size, _PIECE))
        if not piece:
            raise Malformed("the body broke off")
        size -= len(piece)
        yield piece
