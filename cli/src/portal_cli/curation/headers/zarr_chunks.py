"""Finds chunks of a zarr that are cut off, by what they say of their own length.

Sources: zarr 2 and 3 (core, sharding-indexed), the header of Blosc 1, RFC 8878 (Zstandard frames).
Chunks of other codecs are not checked; nothing is decoded.
"""

import math
import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np

from portal_cli.curation.headers.image import TornFile
from portal_cli.curation.headers.json_file import read_json

METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")
BLOSC_HEADER = struct.Struct("<4BIII")  # versions, flags, type size; bytes, block, packed bytes
ZSTD_MAGIC = 0xFD2FB528
ZSTD_DICTIONARY = (0, 1, 2, 4)  # bytes of the field, by its flag
ZSTD_CONTENT = (0, 2, 4, 8)
RLE = 1  # a block of one repeated byte
NO_CHUNK = 2**64 - 1  # in the index of a shard
CRC_BYTES = 4

Expected: TypeAlias = Callable[[Path, int], int]  # path and size of a chunk: where its data end


class ChunkCheck:
    """Checks chunks of the arrays below a folder; reads the metadata of each array once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._by_folder: dict[str, Expected | None] = {}

    def torn(self, name: str, size: int) -> str | None:
        """Returns why the file `name` is not a whole chunk; None if it is, or is no chunk."""
        folder, _, last = name.rpartition("/")
        expected = None if last in METADATA else self._array(folder)
        if expected is None:
            return None
        try:
            end = expected(self._folder / name, size)
        except (TornFile, struct.error):
            return "it is cut off: the chunk is not complete"
        if end > size:
            return f"it is cut off: its data end at byte {end}, the file has {size}"
        return None

    def _array(self, folder: str) -> Expected | None:
        """Returns the check of the array in this folder, or in the nearest one above it."""
        if folder not in self._by_folder:
            place = self._folder / folder
            node = read_json(place / "zarr.json") or read_json(place / ".zarray")
            if node is not None:
                self._by_folder[folder] = _expected(node)
            else:
                above = folder.rpartition("/")[0]
                self._by_folder[folder] = self._array(above) if folder else None
        return self._by_folder[folder]


def _expected(node: Mapping[str, Any]) -> Expected | None:
    """Returns the check by the last codec of an array; None if there is none."""
    try:
        if "zarr_format" in node and node["zarr_format"] == 2:  # noqa: PLR2004
            raw = _bytes(node["chunks"], node["dtype"]) if not node.get("filters") else None
            compressor: Any = node.get("compressor")
            return _codec(compressor["id"] if compressor else None, raw)
        shape = node["chunk_grid"]["configuration"]["chunk_shape"]
        last = node["codecs"][-1]
        if last["name"] == "sharding_indexed":
            return _shard(shape, last["configuration"])
        raw = _bytes(shape, node["data_type"]) if len(node["codecs"]) == 1 else None
        return _codec(None if last["name"] == "bytes" else last["name"], raw)
    except (LookupError, TypeError, ValueError, AttributeError):
        return None


def _bytes(shape: list[int], dtype: Any) -> int:
    return math.prod(shape) * np.dtype(dtype).itemsize


def _codec(name: str | None, raw: int | None) -> Expected | None:
    if name is None:
        return (lambda _path, _size: raw) if raw is not None else None
    return {"blosc": _blosc_end, "zstd": _zstd_end}.get(name)


def _blosc_end(path: Path, _size: int) -> int:
    with path.open("rb") as file:
        return cast("int", BLOSC_HEADER.unpack(file.read(BLOSC_HEADER.size))[-1])


def _zstd_end(path: Path, size: int) -> int:
    """Follows the blocks of the first frame."""
    with path.open("rb") as file:
        magic, flags = struct.unpack("<IB", file.read(5))
        if magic != ZSTD_MAGIC:
            return 0
        is_single, has_checksum = flags >> 5 & 1, flags >> 2 & 1
        content = ZSTD_CONTENT[flags >> 6] or is_single
        position = 5 + (1 - is_single) + ZSTD_DICTIONARY[flags & 3] + content
        is_last = False
        while not is_last:
            file.seek(position)
            head = int.from_bytes(_read(file, 3), "little")
            is_last, kind, length = bool(head & 1), head >> 1 & 3, head >> 3
            position += 3 + (1 if kind == RLE else length)
            if position > size:
                break
    return position + CRC_BYTES * has_checksum


def _read(file: Any, count: int) -> bytes:
    found = file.read(count)
    if len(found) < count:
        raise TornFile
    return found


def _shard(shape: list[int], found: Mapping[str, Any]) -> Expected | None:
    """Returns the check of shards whose index is at the end, which is the default."""
    if found.get("index_location", "end") != "end":
        return None
    chunks = math.prod(-(-a // b) for a, b in zip(shape, found["chunk_shape"], strict=True))
    has_checksum = any(codec["name"] == "crc32c" for codec in found["index_codecs"])
    length = 16 * chunks + CRC_BYTES * has_checksum

    def end(path: Path, size: int) -> int:
        if size < length:
            raise TornFile
        with path.open("rb") as file:
            file.seek(-length, os.SEEK_END)
            index = np.frombuffer(file.read(16 * chunks), "<u8").reshape(-1, 2)
        used = index[index[:, 0] != NO_CHUNK]
        if (used > size).any() or (used.sum(axis=1) > size).any():
            raise TornFile  # chunks outside of the file: what is at its end is no index
        return size

    return end
