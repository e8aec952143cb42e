"""Chunks of foreign origin: what they hold is bounded by what their array allows."""

import bz2
import gzip
import lzma
import tracemalloc
import zlib
from typing import Any

import numcodecs
import numpy as np
import pytest
from portal_downloader.crops.decompression import (
    DECOMPRESSORS,
    InvalidChunk,
    decompress,
    zstd_content_size,
)

CONTENT = np.random.default_rng(1).integers(0, 9, 100_000, np.uint8).tobytes()
BOMB = bytes(64 * 2**20)
LIMIT = 100_000
MAX_MEMORY_BYTES = 16 * 2**20  # the dictionary of lzma has half of it


def zstd_without_size(blocks: int, last_bytes: int = 0) -> bytes:
    """A frame of runs of 128 KiB of one byte, whose header does not have their size."""
    sizes = [2**17] * blocks + ([last_bytes] if last_bytes else [])
    frame = (0xFD2FB528).to_bytes(4, "little") + b"\x00\x58"
    for number, size in enumerate(sizes, start=1):
        frame += (size << 3 | 1 << 1 | (number == len(sizes))).to_bytes(3, "little") + b"\x07"
    return frame


COMPRESS: dict[str, Any] = {
    "blosc": numcodecs.Blosc().encode,
    "bz2": bz2.compress,
    "gzip": gzip.compress,
    "lz4": numcodecs.LZ4().encode,
    "lzma": lzma.compress,
    "zlib": zlib.compress,
    "zstd": numcodecs.Zstd().encode,
}


@pytest.mark.parametrize("codec", sorted(DECOMPRESSORS))
def test_a_chunk_within_its_limit_is_decompressed(codec: str) -> None:
    data = memoryview(COMPRESS[codec](CONTENT))
    assert bytes(decompress(codec, data, len(CONTENT))) == CONTENT
    with pytest.raises(InvalidChunk, match="more than the 99999 bytes"):
        decompress(codec, data, len(CONTENT) - 1)


@pytest.mark.parametrize("codec", sorted(DECOMPRESSORS))
def test_a_bomb_costs_no_more_memory_than_its_limit(codec: str) -> None:
    data = memoryview(COMPRESS[codec](BOMB))
    tracemalloc.start()
    try:
        with pytest.raises(InvalidChunk, match="more than the 100000 bytes"):
            decompress(codec, data, LIMIT)
        assert tracemalloc.get_traced_memory()[1] < MAX_MEMORY_BYTES
    finally:
        tracemalloc.stop()


def test_a_frame_of_zstd_without_size_is_bounded_too() -> None:
    frame = memoryview(zstd_without_size(1, last_bytes=1000))
    assert zstd_content_size(frame) is None
    assert bytes(decompress("zstd", frame, 2**17 + 1000)) == b"\x07" * (2**17 + 1000)
    for bomb in (frame, memoryview(zstd_without_size(5000))):
        with pytest.raises(InvalidChunk):
            decompress("zstd", bomb, 2**17)


@pytest.mark.parametrize("codec", ["gzip", "zlib", "bz2"])
def test_several_streams_are_one_content_and_bounded_together(codec: str) -> None:
    data = memoryview(COMPRESS[codec](b"a" * 600) + COMPRESS[codec](b"b" * 600))
    assert decompress(codec, data, 1200) == b"a" * 600 + b"b" * 600
    with pytest.raises(InvalidChunk):
        decompress(codec, data, 1100)


@pytest.mark.parametrize("codec", sorted(DECOMPRESSORS))
@pytest.mark.parametrize("damage", ["empty", "short", "noise"])
def test_a_damaged_chunk_is_an_error_with_a_reason(codec: str, damage: str) -> None:
    data = COMPRESS[codec](CONTENT)
    noise = np.random.default_rng(2).integers(0, 256, 500, np.uint8).tobytes()
    damaged = {"empty": b"", "short": data[: len(data) // 2], "noise": noise}[damage]
    if damage == "empty" and codec in {"gzip", "zlib", "bz2", "lzma"}:
        assert decompress(codec, memoryview(damaged), LIMIT) == b""
        return
    with pytest.raises(InvalidChunk):
        decompress(codec, memoryview(damaged), LIMIT)
