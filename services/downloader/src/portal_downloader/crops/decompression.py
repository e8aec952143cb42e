"""Decompresses chunks of foreign origin to no more bytes than their array allows.

The formats are those of numcodecs. Where a header has the size of the content, it is compared
before anything is decompressed; the libraries then write no more than that size. The others are
decompressed step by step.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any, TypeAlias

import numcodecs.blosc
import numcodecs.lz4
import numcodecs.zstd
import numpy as np

from portal_downloader.crops.errors import InvalidChunk

Content: TypeAlias = Any  # bytes, or an array of bytes
ZSTD_MAGIC = 0xFD2F_B528
GZIP_WINDOW, ZLIB_WINDOW = 31, 15  # zlib's numbers of the two formats
LZMA_MEMORY_BYTES = 128 * 2**20  # of the dictionary, which the data choose
BLOSC_HEADER_BYTES, LZ4_HEADER_BYTES = 16, 4


def decompress(codec: str, data: memoryview, limit: int) -> Content:
    """Returns the content of `data`. Raises InvalidChunk if it has more than `limit` bytes."""
    try:
        found = DECOMPRESSORS[codec](data, limit)
    except InvalidChunk:
        raise
    except (ValueError, RuntimeError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InvalidChunk(f"a chunk is not valid {codec}: {error}"[:300]) from error
    if len(found) > limit:
        raise _too_large(limit)
    return found


def _too_large(limit: int) -> InvalidChunk:
    return InvalidChunk(f"a chunk holds more than the {limit} bytes that its array allows")


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise _too_large(limit)


def _blosc(data: memoryview, limit: int) -> Content:
    if len(data) < BLOSC_HEADER_BYTES:
        raise InvalidChunk("a chunk is shorter than the header of blosc")
    _check(int.from_bytes(data[4:8], "little"), limit)
    return numcodecs.blosc.decompress(data)


def _lz4(data: memoryview, limit: int) -> Content:
    _check(int.from_bytes(data[:LZ4_HEADER_BYTES], "little"), limit)
    return numcodecs.lz4.decompress(data)


def _zstd(data: memoryview, limit: int) -> Content:
    size = zstd_content_size(data)
    if size is not None:
        _check(size, limit)
        return numcodecs.zstd.decompress(data) if size else b""
    target = np.empty(limit, np.uint8)  # the frame ends where it is full, or is invalid
    return numcodecs.zstd.decompress(data, target)


def zstd_content_size(data: memoryview) -> int | None:
    """Returns the size of the content of the first frame, None if the frame does not have it.

    See RFC 8878, section 3.1.1.1. Raises InvalidChunk.
    """
    if int.from_bytes(data[:4], "little") != ZSTD_MAGIC or len(data) < 6:  # noqa: PLR2004
        raise InvalidChunk("a chunk is not valid zstd: its header is wrong")
    descriptor = data[4]
    size_code, is_single_segment = descriptor >> 6, bool(descriptor & 0x20)
    if size_code == 0 and not is_single_segment:
        return None
    start = 5 + (not is_single_segment) + (0, 1, 2, 4)[descriptor & 3]
    length = 1 << size_code
    field = data[start : start + length]
    if len(field) < length:
        raise InvalidChunk("a chunk is not valid zstd: its header is incomplete")
    return int.from_bytes(field, "little") + (256 if size_code == 1 else 0)


def _step_by_step(make: Callable[[], Any]) -> Callable[[memoryview, int], Content]:
    """Returns a function that decompresses one stream after the other, up to a limit."""

    def run(data: memoryview, limit: int) -> Content:
        parts: list[bytes] = []
        size = 0
        while len(data):
            stream = make()
            part = stream.decompress(data, limit - size + 1)
            size += len(part)
            _check(size, limit)
            if not stream.eof:
                raise InvalidChunk("a chunk is incomplete")
            parts.append(part)
            data = memoryview(stream.unused_data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    return run


DECOMPRESSORS: dict[str, Callable[[memoryview, int], Content]] = {
    "blosc": _blosc,
    "bz2": _step_by_step(bz2.BZ2Decompressor),
    "gzip": _step_by_step(lambda: zlib.decompressobj(GZIP_WINDOW)),
    "lz4": _lz4,
    "lzma": _step_by_step(lambda: lzma.LZMADecompressor(memlimit=LZMA_MEMORY_BYTES)),
    "zlib": _step_by_step(lambda: zlib.decompressobj(ZLIB_WINDOW)),
    "zstd": _zstd,
}
