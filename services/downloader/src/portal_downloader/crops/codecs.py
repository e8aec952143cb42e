"""Makes the zarr library decode chunks to no more bytes than the metadata of their array allow.

The pipeline of this module replaces the one of the library for all arrays of this process.
"""

import asyncio
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from typing_extensions import override
from zarr.abc.codec import BytesBytesCodec, Codec
from zarr.codecs import (
    BloscCodec,
    BytesCodec,
    Crc32cCodec,
    GzipCodec,
    ShardingCodec,
    TransposeCodec,
    ZstdCodec,
)
from zarr.codecs._v2 import V2Codec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer, NDBuffer
from zarr.core.codec_pipeline import BatchedCodecPipeline
from zarr.core.config import config
from zarr.registry import register_pipeline

from portal_downloader.crops.decompression import DECOMPRESSORS, decompress

NAMES: dict[type[Codec], str] = {BloscCodec: "blosc", GzipCodec: "gzip", ZstdCodec: "zstd"}
PLAIN_CODECS = (BytesCodec, Crc32cCodec, TransposeCodec)  # their results have a known size
PLAIN_FILTERS = frozenset({"bitround", "delta", "shuffle"})
OVERHEAD_FACTOR, OVERHEAD_BYTES = 64, 4096  # by which compression may enlarge data
MAX_ITEM_BYTES = 8
MAX_CHUNKS_PER_SHARD = 2**20
BYTES_PER_SHARDED_CHUNK = 80  # its entry in the index of the shard, and its own header


class UnsupportedCodec(ValueError):
    """The array is compressed in a way that is not read here."""


def raw_bytes(spec: ArraySpec) -> int:
    """Returns the size of a decoded chunk."""
    return math.prod(spec.shape) * spec.dtype.to_native_dtype().itemsize


def encoded_bytes(raw: int) -> int:
    """Returns the largest size that a chunk may have before it is decoded."""
    return raw + raw // OVERHEAD_FACTOR + OVERHEAD_BYTES


@dataclass(frozen=True)
class BoundedCodec(BytesBytesCodec):
    """A compressor whose content is bounded by the size of the chunk.

    `is_first` is whether it compresses the voxels themselves, not what another codec encoded.
    """

    inner: BytesBytesCodec
    name: str
    is_first: bool
    is_fixed_size = False

    @override
    def evolve_from_array_spec(self, array_spec: ArraySpec) -> Self:
        inner = self.inner.evolve_from_array_spec(array_spec)
        return type(self)(inner, self.name, self.is_first)

    @override
    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> Buffer:
        raw = raw_bytes(chunk_spec)
        limit = raw if self.is_first else encoded_bytes(raw)
        data = chunk_data.as_numpy_array().data
        content = await asyncio.to_thread(decompress, self.name, data, limit)
        return chunk_spec.prototype.buffer.from_bytes(content)

    @override
    async def _encode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> Buffer | None:
        return await self.inner._encode_single(chunk_data, chunk_spec)  # noqa: SLF001

    @override
    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        return self.inner.compute_encoded_size(input_byte_length, chunk_spec)


@dataclass(frozen=True)
class BoundedV2Codec(V2Codec):
    """The compressor and the filters of an array of zarr version 2."""

    @override
    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        if self.compressor is not None:
            data = chunk_bytes.as_numpy_array().data
            content = await asyncio.to_thread(
                decompress, self.compressor.codec_id, data, raw_bytes(chunk_spec)
            )
            chunk_bytes = chunk_spec.prototype.buffer.from_bytes(content)
        plain = V2Codec(self.filters, None)
        return await plain._decode_single(chunk_bytes, chunk_spec)  # noqa: SLF001


class BoundedPipeline(BatchedCodecPipeline):
    """Decodes with the bounded forms of the codecs that are known here."""

    @classmethod
    @override
    def from_codecs(cls, codecs: Iterable[Codec], *, batch_size: int | None = None) -> Self:
        found: list[Codec] = []
        for codec in codecs:
            is_first = not any(isinstance(other, BytesBytesCodec) for other in found)
            sharded = any(isinstance(other, ShardingCodec) for other in found)
            found.append(_bounded(codec, is_first=is_first and not sharded))
        return super().from_codecs(found, batch_size=batch_size)


def _bounded(codec: Codec, *, is_first: bool) -> Codec:
    """Returns the bounded form of a codec. Raises UnsupportedCodec."""
    if isinstance(codec, (BoundedCodec, BoundedV2Codec, *PLAIN_CODECS)):
        return codec
    if isinstance(codec, ShardingCodec):
        if any(isinstance(one, ShardingCodec) for one in (*codec.codecs, *codec.index_codecs)):
            raise UnsupportedCodec("shards within shards are not supported")
        return codec
    if isinstance(codec, V2Codec):
        _check_v2(codec)
        return BoundedV2Codec(codec.filters, codec.compressor)
    name = NAMES.get(type(codec)) or str(getattr(codec, "codec_name", type(codec).__name__))
    name = name.removeprefix("numcodecs.")
    if name not in DECOMPRESSORS or not isinstance(codec, BytesBytesCodec):
        raise UnsupportedCodec(f"the codec {name!r} is not supported")
    return BoundedCodec(codec, name, is_first)


def _check_v2(codec: V2Codec) -> None:
    """Raises UnsupportedCodec for compressors and filters whose results are not bounded."""
    compressor: Any = codec.compressor
    if compressor is not None and compressor.codec_id not in DECOMPRESSORS:
        raise UnsupportedCodec(f"the compressor {compressor.codec_id!r} is not supported")
    for one in codec.filters or ():
        filter_: Any = one
        types = [np.dtype(getattr(filter_, field, "u1")) for field in ("dtype", "astype")]
        plain = all(t.kind in "uif" and t.itemsize <= MAX_ITEM_BYTES for t in types)
        if filter_.codec_id not in PLAIN_FILTERS or not plain:
            raise UnsupportedCodec(f"the filter {filter_.codec_id!r} is not supported")


def shard_overhead(shard: Iterable[int], chunk: Iterable[int]) -> int:
    """Returns how many bytes more than its chunks a shard may have.

    Raises UnsupportedCodec if it has so many chunks that its index would fill the memory.
    """
    chunks = math.prod(-(-a // b) for a, b in zip(shard, chunk, strict=True))
    if chunks > MAX_CHUNKS_PER_SHARD:
        reason = f"a shard has {chunks} chunks, at most {MAX_CHUNKS_PER_SHARD} are supported"
        raise UnsupportedCodec(reason)
    return BYTES_PER_SHARDED_CHUNK * chunks


register_pipeline(BoundedPipeline)
config.set(  # pyright: ignore[reportUnknownMemberType]
    {"codec_pipeline.path": f"{BoundedPipeline.__module__}.{BoundedPipeline.__qualname__}"}
)

__all__ = ["BoundedPipeline", "UnsupportedCodec", "encoded_bytes", "shard_overhead"]
