"""Search pages of many datasets: those of the Atlas again and again, in an engine of their own.

PORTAL_BENCH_DATASETS is their number (100000). PORTAL_BENCH_DATA names a running portal with the
Atlas, whose broker and database are used; without it the bench starts one. PORTAL_BENCH_ENGINE is a
folder in which the loaded engine is left for the next run.

The datasets are sent to the search stand-in once, and multiplied in its file: sending all of them
takes hours. The copies lack what no search page reads (whole records, runs of characters, digests
of words); they have names and pids of their own.
"""

import contextlib
import gc
import json
import os
import sqlite3
import statistics
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from portal_gateway.settings import GatewaySettings
from portal_indexer import index_settings, search_documents
from portal_indexer.meilisearch import Meilisearch
from portal_indexer.settings import IndexerSettings
from portal_shared.search import index_fields

from tests.bench.loads.served_corpus import served
from tests.bench.site.measured import SEARCHES, Aim, MeasuredProcess, middle
from tests.drivers import plain_http
from tests.drivers.instance import Portal
from tests.drivers.search.engine import StandIn

DATASETS = int(os.environ.get("PORTAL_BENCH_DATASETS", "100000"))
START_SECONDS = 900
WARM_UP, ROUNDS = 10, 60
ENGINE_FOLDER = os.environ.get("PORTAL_BENCH_ENGINE", "")
LEFT_OUT = ("relations", "json", "g", "w")
TEXTS = ("people", "notes", "forms", "numbers", "identifiers", "documents")  # found, never shown
Row = dict[str, Any]


async def test_search_of_many_datasets(portal: Portal, tmp_path: Path) -> None:
    facts = portal.instance()
    folder = Path(ENGINE_FOLDER) if ENGINE_FOLDER else tmp_path / "engine"
    engine = StandIn(folder)
    own = {
        "amqp_url": facts["amqp_url"],
        "mongo_url": facts["mongo_url"],
        "meilisearch_url": engine.url,
    }
    began = time.monotonic()
    if not (folder / "multiplied").exists():
        rows = list(_rows(facts["services"]["search"]["url"]))
        engine.start()
        await _send(Meilisearch(IndexerSettings.model_validate(own)), rows)
        engine.stop()
        _multiply(folder / "search.sqlite", len(rows))
        (folder / "multiplied").touch()
    try:
        engine.process.start(START_SECONDS)
        parts = [MeasuredProcess(engine.process.pid)]
        print(f"\n{DATASETS} datasets, loaded in {time.monotonic() - began:.0f} s, "
              f"engine {parts[0].memory_mb():.0f} MB")  # fmt: skip
        with served(GatewaySettings.model_validate(own)) as (url, process):
            parts.append(MeasuredProcess(process.pid))
            _measure(url, parts)
    finally:
        engine.stop()


async def _send(adapter: Meilisearch, rows: list[Row]) -> None:
    for name in index_fields.INDEXES:
        await adapter.ensure(name, index_settings.settings(name))
    await adapter.replace(index_fields.DATASETS, [search_documents.encode(row) for row in rows])


def _multiply(file: Path, first: int) -> None:
    """Copies the `first` datasets in the file of the stand-in until there are DATASETS."""
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        run, many = connection.execute, connection.executemany
        run("PRAGMA journal_mode = OFF")
        index = run("SELECT id FROM indexes WHERE uid = ?", (index_fields.DATASETS,)).fetchone()[0]
        columns = "number, external, body, words, lengths"
        query = f"SELECT {columns} FROM documents WHERE index_id = ?"  # noqa: S608
        documents = run(query, (index,)).fetchall()
        for at in range(first, DATASETS, first):
            copies = [
                (index, at + number, f"{external}-{at}", _renamed(body, f"-{at}"), *rest)
                for number, external, body, *rest in documents
            ]
            many("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?)", copies)
        many(
            "INSERT INTO postings SELECT word_id, number + ?, positions FROM postings "
            "WHERE number < ? AND word_id IN (SELECT id FROM words WHERE index_id = ?)",
            [(at, first, index) for at in range(first, DATASETS, first)],
        )
        times = -(-DATASETS // first)
        run("UPDATE words SET documents = documents * ? WHERE index_id = ?", (times, index))


def _renamed(body: str, ending: str) -> str:
    """Returns a dataset with another name and pid, as the stand-in stores it."""
    row = {name: value for name, value in json.loads(body).items() if name not in TEXTS}
    card = json.loads(row[index_fields.CARD])
    card |= {"pid": card["pid"] + ending, "name": card["name"] + ending}
    row |= {
        "id": row["id"] + ending,
        index_fields.ORDER: row[index_fields.ORDER] + ending.encode().hex(),
        index_fields.CARD: json.dumps(card),
    }
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


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
