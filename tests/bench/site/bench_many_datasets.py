"""Search pages of many datasets: those of the Atlas again and again, in an engine of their own.

PORTAL_BENCH_DATASETS is their number (100000). PORTAL_BENCH_DATA names a running portal with the
Atlas, whose broker and database are used; without it the bench starts one. The copies lack what no
search page reads (whole records, runs of characters, digests of words), so that loading is faster.
"""

import gc
import hashlib
import json
import os
import statistics
import time
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import httpx
from portal_gateway.settings import GatewaySettings
from portal_indexer import index_settings
from portal_indexer.meilisearch import Meilisearch
from portal_indexer.settings import IndexerSettings
from portal_shared.search import index_fields

from tests.bench.loads.served_corpus import served
from tests.bench.site.measured import SEARCHES, Aim, MeasuredProcess, middle
from tests.drivers import plain_http
from tests.drivers.instance import Portal
from tests.drivers.search_engine import StandIn

DATASETS = int(os.environ.get("PORTAL_BENCH_DATASETS", "100000"))
BATCH = 1000
WARM_UP, ROUNDS = 10, 60
LEFT_OUT = ("relations", "json", "g", "w")
Row = dict[str, Any]


async def test_search_of_many_datasets(portal: Portal, tmp_path: Path) -> None:
    facts = portal.instance()
    engine = StandIn(tmp_path / "engine")
    engine.start()
    try:
        own = {
            "amqp_url": facts["amqp_url"],
            "mongo_url": facts["mongo_url"],
            "meilisearch_url": engine.url,
            "task_seconds": 600,
        }
        rows = list(_rows(facts["services"]["search"]["url"]))
        began = time.monotonic()
        adapter = Meilisearch(IndexerSettings.model_validate(own))
        for name in index_fields.INDEXES:
            await adapter.ensure(name, index_settings.settings(name))
        copies = islice(_copies(rows), DATASETS)
        while some := list(islice(copies, BATCH)):
            await adapter.replace(index_fields.DATASETS, some)
        seconds = time.monotonic() - began
        parts = [MeasuredProcess(engine.process.pid)]
        print(f"\n{DATASETS} datasets, loaded in {seconds:.0f} s, "
              f"engine {parts[0].memory_mb():.0f} MB")  # fmt: skip
        with served(GatewaySettings.model_validate(own)) as (url, process):
            parts.append(MeasuredProcess(process.pid))
            _measure(url, parts)
    finally:
        engine.stop()


def _measure(url: str, parts: list[MeasuredProcess]) -> None:
    every: list[float] = []
    before = sum(part.cpu_ms() for part in parts)
    with plain_http.client(url, headers={"accept-encoding": "identity"}, timeout=120) as client:
        for query in SEARCHES:
            address = f"/api/search?{query.replace('view=cards', 'per_page=20')}"
            waits = _timed(client, address)
            every += waits
            print(f"    {query or '(everything)':44}{middle(waits)}")
    calls = len(every) + WARM_UP * len(SEARCHES)
    cpu = (sum(part.cpu_ms() for part in parts) - before) / calls
    aim = Aim(f"API of a search page, {DATASETS} datasets", 40, "ms")
    print(aim.line(statistics.median(every), f"{middle(every)}, CPU {cpu:.1f}"))


def _timed(client: httpx.Client, address: str) -> list[float]:
    waits: list[float] = []
    gc.disable()
    for number in range(WARM_UP + ROUNDS):
        began = time.perf_counter()
        answer = client.get(address)
        assert answer.status_code == 200, answer.text[:300]
        if number >= WARM_UP:
            waits.append((time.perf_counter() - began) * 1000)
    gc.enable()
    return waits


def _rows(engine_url: str) -> Iterator[Row]:
    """Yields the datasets that an engine has, as they were sent to it."""
    with plain_http.client(engine_url, timeout=60) as client:
        for offset in count(0, 100):
            page = {"limit": 100, "offset": offset}
            found = client.get(f"/indexes/{index_fields.DATASETS}/documents", params=page)
            rows = found.raise_for_status().json()["results"]
            if not rows:
                return
            for row in rows:
                yield {name: value for name, value in row.items() if name not in LEFT_OUT}


def _copies(rows: list[Row]) -> Iterator[Row]:
    """Yields the rows again and again, each time with other names."""
    for number in count():
        for row in rows:
            name = f"-{number}"
            card = json.loads(row[index_fields.CARD])
            card |= {"pid": card["pid"] + name, "name": card["name"] + name}
            yield {
                **row,
                "id": hashlib.sha1(card["pid"].encode(), usedforsecurity=False).hexdigest(),
                index_fields.ORDER: row[index_fields.ORDER] + name.encode().hex(),
                index_fields.CARD: json.dumps(card),
            }
