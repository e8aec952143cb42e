"""Searches while the whole index is sent again, beside searches before.

An index is sent again into new indexes, which take the place of the old ones at the end: here they
are loaded beside those that are served, by a process of its own, as the indexer is one.
PORTAL_BENCH_REINDEX sets the number of datasets.
"""

import asyncio
import multiprocessing
import os
import statistics
import time
import uuid
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import aiohttp
from portal_indexer.settings import IndexerSettings
from portal_shared.runtime.settings import Settings

from tests.bench.loads.scale_load import Scale, Scaling, loaded
from tests.bench.loads.wide_corpus import WideCorpus
from tests.bench.scale.bench_scale import cases

SIZE = int(os.environ.get("PORTAL_BENCH_REINDEX", "10000"))
QUIET_SECONDS = 60.0
PAUSE = 0.05  # seconds between two searches
KINDS = ("list 50", "get", "text", "technique", "range", "order by title")


async def test_searches_while_reindexing(
    scaling: Scaling, settings: Settings, engine_url: tuple[str, str]
) -> None:
    beside = {
        **settings.model_dump(),
        "meilisearch_url": engine_url[0],
        "meilisearch_key": engine_url[1],
        "index_prefix": f"s{uuid.uuid4().hex[:10]}_",
    }
    spawned = multiprocessing.get_context("spawn")
    async with scaling(WideCorpus(SIZE)) as scale:
        end = asyncio.Event()
        asyncio.get_running_loop().call_later(QUIET_SECONDS, end.set)
        quiet = await searched(scale, end)
        end = asyncio.Event()
        searching = asyncio.create_task(searched(scale, end))
        with ProcessPoolExecutor(1, mp_context=spawned) as indexer:
            loop = asyncio.get_running_loop()
            rate = await loop.run_in_executor(indexer, load_beside, beside)
            end.set()
            busy = await searching
        print(f"\n{scale.engine}: {SIZE} datasets sent again while searched, "
              f"{rate:.0f} records/s, no request failed")  # fmt: skip
        for name, times in (("quiet", quiet), ("meanwhile", busy)):
            print(f"{name:12}{len(times):7} searches, p50 {statistics.median(times):7.1f} ms, "
                  f"p99 {statistics.quantiles(times, n=100)[98]:7.1f}")  # fmt: skip


def load_beside(given: dict[str, Any]) -> float:
    """Loads the corpus into other indexes; returns the records per second."""

    async def load() -> float:
        async with loaded(WideCorpus(SIZE), IndexerSettings.model_validate(given)) as made:
            return made.records / made.seconds

    return asyncio.run(load())


async def searched(scale: Scale, end: asyncio.Event) -> list[float]:
    """Searches until the end; returns the milliseconds of each search."""
    paths = [cases(len(scale.datasets))[kind] for kind in KINDS]
    times: list[float] = []
    async with aiohttp.ClientSession(headers={"Accept-Encoding": "identity"}) as session:
        while not end.is_set():
            began = time.perf_counter()
            async with session.get(scale.url_of(paths[len(times) % len(paths)])) as answer:
                assert answer.status == 200, await answer.text()
                await answer.read()
            times.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(PAUSE)
    return times
