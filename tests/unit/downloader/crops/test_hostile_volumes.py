"""Volumes whose chunks hold more than their arrays allow, and the memory of crops."""
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportUnknownLambdaType=false
# pyright: reportAttributeAccessIssue=false

import asyncio
import json
import tracemalloc
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
from portal_downloader.crops.box import Box
from portal_downloader.crops.decompression import InvalidChunk
from portal_downloader.crops.memory import MemoryBudget
from portal_downloader.crops.volume import InvalidVolume
from portal_shared.runtime.errors import Unavailable
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

from tests.unit.downloader.test_crops import WHOLE, cut, opened, written

BOMB = bytes(64 * 2**20)
BOMBS: list[tuple[dict[str, Any], Any, str]] = [
    ({"compressors": GzipCodec()}, numcodecs.GZip().encode, "s0/c/0/0/0"),
    ({"compressors": ZstdCodec()}, numcodecs.Zstd().encode, "s0/c/0/0/0"),
    ({"compressors": BloscCodec()}, numcodecs.Blosc().encode, "s0/c/0/0/0"),
    ({"compressors": None}, lambda bomb: bomb, "s0/c/0/0/0"),
    ({"version": 2, "compressors": numcodecs.Zlib()}, numcodecs.Zlib().encode, "s0/0.0.0"),
    ({"version": 2, "compressors": numcodecs.Blosc()}, numcodecs.Blosc().encode, "s0/0.0.0"),
    ({"version": 2, "compressors": numcodecs.LZ4()}, numcodecs.LZ4().encode, "s0/0.0.0"),
    ({"version": 2, "compressors": None}, lambda bomb: bomb, "s0/0.0.0"),
]


@pytest.mark.parametrize(
    ("stored", "compress", "name"),
    BOMBS,
    ids=[f"{n} {name}" for n, (_, _, name) in enumerate(BOMBS)],
)
def test_a_chunk_that_holds_more_than_its_array_allows_is_not_inflated(
    tmp_path: Path, stored: dict[str, Any], compress: Any, name: str
) -> None:
    written(tmp_path / "v", chunks=(16, 16, 16), **stored)
    (tmp_path / "v" / name).write_bytes(compress(BOMB))
    tracemalloc.start()
    try:
        with pytest.raises(InvalidChunk):
            cut(tmp_path / "v", Box((0, 0, 0), (4, 4, 4)), "nrrd")
        assert tracemalloc.get_traced_memory()[1] < len(BOMB) // 4
    finally:
        tracemalloc.stop()


def test_a_chunk_within_a_shard_is_bounded_by_its_own_size(tmp_path: Path) -> None:
    gzip: dict[str, Any] = {"compressors": GzipCodec()}
    written(tmp_path / "v", chunks=(16, 16, 16), shards=(32, 32, 32), **gzip)
    bomb = numcodecs.GZip().encode(bytes(4 * 2**20))
    index = np.full((8, 2), 2**64 - 1, dtype="<u8")
    index[0] = (0, len(bomb))
    index_with_sum = bytes(numcodecs.CRC32C().encode(index.tobytes()))
    (tmp_path / "v" / "s0" / "c" / "0" / "0" / "0").write_bytes(bomb + index_with_sum)
    with pytest.raises(InvalidChunk, match="more than the 8192 bytes"):
        cut(tmp_path / "v", Box((0, 0, 0), (4, 4, 4)), "nrrd")


def changed(path: Path, change: Any) -> None:
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))


def test_codecs_whose_results_have_no_bound_are_refused(tmp_path: Path) -> None:
    written(tmp_path / "a", version=2, chunks=(16, 16, 16), compressors=None)
    for filter_ in ({"id": "packbits"}, {"id": "delta", "dtype": "V1000000"}, {"id": "pickle"}):
        changed(tmp_path / "a" / "s0" / ".zarray", lambda m, f=filter_: m.update(filters=[f]))
        with pytest.raises(InvalidVolume):
            opened(tmp_path / "a")
    written(tmp_path / "b", chunks=(16, 16, 16), shards=(32, 32, 32))

    def nest(metadata: dict[str, Any]) -> None:
        outer = metadata["codecs"][0]["configuration"]
        inner = {**outer, "chunk_shape": [8, 8, 8]}
        outer["codecs"] = [{"name": "sharding_indexed", "configuration": inner}]

    changed(tmp_path / "b" / "s0" / "zarr.json", nest)
    with pytest.raises(InvalidVolume, match="shards within shards"):
        opened(tmp_path / "b")


def test_a_shard_whose_index_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "v", chunks=(16, 16, 16), shards=(32, 32, 32))

    def widen(metadata: dict[str, Any]) -> None:
        metadata["chunk_grid"]["configuration"]["chunk_shape"] = [2**20, 2**10, 2**10]

    changed(tmp_path / "v" / "s0" / "zarr.json", widen)
    with pytest.raises(InvalidVolume, match="a shard has 268435456 chunks"):
        opened(tmp_path / "v")


def test_the_memory_of_a_slab_counts_its_chunks(tmp_path: Path) -> None:
    written(tmp_path / "v", chunks=(16, 16, 16))
    voxels, _ = opened(tmp_path / "v")
    one = voxels.portion_bytes(Box((0, 0, 0), (1, 1, 1)))
    assert one == 3 * 2 + 2 * 2 * 2 * 16**3
    assert voxels.portion_bytes(WHOLE) == 3 * 2 * 50 * 60 * 70 + 2 * 10 * 2 * 16**3


async def test_crops_have_a_budget_of_memory_together() -> None:
    budget = MemoryBudget(100, wait_seconds=0.05)
    async with budget.reserve(60), budget.reserve(40):
        with pytest.raises(Unavailable, match="try again later"):
            async with budget.reserve(1):
                pass
    patient = MemoryBudget(100)
    order: list[str] = []

    async def use(name: str, size: int) -> None:
        async with patient.reserve(size):
            order.append(name)
            await asyncio.sleep(0)

    async with asyncio.timeout(30), patient.reserve(60):
        waiting = [asyncio.create_task(use(name, size)) for name, size in (("a", 90), ("b", 10))]
        await asyncio.sleep(0)
        assert order == []  # the second does not pass the first, which would wait for ever
    await asyncio.gather(*waiting)
    assert order == ["a", "b"]
