"""Loads a wide corpus straight into the indexes, and serves it by a gateway process."""

import asyncio
import os
import sys
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
from portal_gateway.settings import GatewaySettings
from portal_indexer import index_settings, search_documents
from portal_indexer.index_worker import BATCHES_AT_ONCE, DOCUMENT_BATCH_DIVISOR
from portal_indexer.meilisearch import Meilisearch
from portal_indexer.settings import IndexerSettings
from portal_shared.contracts.records import Dataset, Document
from portal_shared.messaging import topology
from portal_shared.runtime.settings import Settings
from portal_shared.runtime.worker import TaskWindow
from portal_shared.search import index_fields
from yarl import URL

from tests.bench.loads.served_corpus import served
from tests.bench.loads.wide_corpus import WideCorpus

BUILT_AT_ONCE = 500  # documents, with all their datasets
ENGINE_PID = int(os.environ.get("PORTAL_BENCH_ENGINE_PID", "0"))  # whose memory is printed


@dataclass(frozen=True, slots=True)
class Row:
    """What the filters of the bench look at in a dataset: 10^6 whole records need 10 GB."""

    pid: str
    title: str
    created: datetime
    size: int | None
    license: str | None
    keywords: tuple[str, ...]
    techniques: tuple[str, ...]  # pids
    parameters: dict[str, str | float]

    @classmethod
    def of(cls, dataset: Dataset) -> "Row":
        return cls(
            dataset.pid,
            dataset.title,
            dataset.created,
            dataset.size,
            dataset.license and sys.intern(dataset.license),
            tuple(map(sys.intern, dataset.keywords)),
            tuple(sys.intern(one.pid) for one in dataset.techniques),
            {sys.intern(one.name): one.value for one in dataset.parameters},
        )


@dataclass
class Scale:
    """A corpus behind a gateway."""

    datasets: list[Row]
    documents: int
    url: str
    engine: str  # name and version
    rate: float  # records per second that were built and loaded
    build: float  # records per second that were built alone
    memory: float  # MB of the engine's process; 0 if it is not on this machine
    disk: float  # MB
    gateway: int  # process id

    def url_of(self, path: str) -> URL:
        return URL(self.url + path, encoded=True)

    def gateway_memory(self) -> float:
        return process_memory(self.gateway)


Scaling = Callable[[WideCorpus], AbstractAsyncContextManager[Scale]]


@dataclass
class Load:
    """What was sent to the engine, and how long it took."""

    datasets: list[Row]
    documents: int
    seconds: float
    building: float  # of these, in which search documents were built

    @property
    def records(self) -> int:
        return len(self.datasets) + self.documents


@asynccontextmanager
async def scaled(
    corpus: WideCorpus, settings: Settings, engine_url: tuple[str, str]
) -> AsyncGenerator[Scale]:
    own = {
        **settings.model_dump(),
        "database_prefix": f"s{uuid.uuid4().hex[:10]}_",
        "meilisearch_url": engine_url[0],
        "meilisearch_key": engine_url[1],
        "index_prefix": f"s{uuid.uuid4().hex[:10]}_",
    }
    await topology.declare(settings)
    async with loaded(corpus, IndexerSettings.model_validate(own)) as load:
        with served(GatewaySettings.model_validate(own)) as (url, process):
            yield Scale(
                load.datasets, load.documents, url, _version(engine_url),
                load.records / load.seconds, load.records / load.building,
                process_memory(ENGINE_PID), _disk(engine_url), process.pid,
            )  # fmt: skip


@asynccontextmanager
async def loaded(corpus: WideCorpus, settings: IndexerSettings) -> AsyncGenerator[Load]:
    """Sends a corpus into indexes of its own, which are deleted at the end."""
    engine = Meilisearch(settings)
    for name in index_fields.INDEXES:
        await engine.ensure(name, index_settings.settings(name))
    try:
        yield await _load(corpus, engine, settings.batch)
    finally:
        for name in index_fields.INDEXES:
            await engine.drop(name)


async def _load(corpus: WideCorpus, engine: Meilisearch, batch: int) -> Load:
    """Builds and sends as the indexer does: in its batches, of which some wait for the engine."""
    datasets: list[Row] = []
    documents, building = 0, 0.0
    sizes = {
        index_fields.DATASETS: batch,
        index_fields.DOCUMENTS: batch // DOCUMENT_BATCH_DIVISOR,
    }
    waiting: dict[str, list[bytes]] = {name: [] for name in sizes}
    began = time.monotonic()
    records = corpus.records()
    async with TaskWindow(BATCHES_AT_ONCE) as first, TaskWindow(BATCHES_AT_ONCE) as second:
        windows = dict(zip(sizes, (first, second), strict=True))
        while taken := list(islice(records, BUILT_AT_ONCE)):
            started = time.monotonic()
            made = await asyncio.to_thread(_search_documents, taken)
            building += time.monotonic() - started
            for name, rows in made.items():
                waiting[name] += rows
                while len(waiting[name]) >= sizes[name]:
                    part, waiting[name] = waiting[name][: sizes[name]], waiting[name][sizes[name] :]
                    await windows[name].start(engine.replace(name, part))
            datasets += (Row.of(one) for _, listed in taken for one in listed)
            documents += len(taken)
            if documents % (100 * BUILT_AT_ONCE) == 0:
                rate = (len(datasets) + documents) / (time.monotonic() - began)
                print(f"{len(datasets)} datasets: {rate:.0f} records/s", flush=True)
        for name, rows in waiting.items():
            await windows[name].start(engine.replace(name, rows))
    return Load(datasets, documents, time.monotonic() - began, building)


def _search_documents(
    batch: list[tuple[Document, list[Dataset]]],
) -> dict[str, list[bytes]]:
    """Returns the encoded search documents of each index."""
    encode = search_documents.encode
    return {
        index_fields.DOCUMENTS: [
            encode(search_documents.build_document(document, datasets=listed))
            for document, listed in batch
        ],
        index_fields.DATASETS: [
            encode(search_documents.build_dataset(one, documents=[document]))
            for document, listed in batch
            for one in listed
        ],
    }


def _http(engine_url: tuple[str, str], path: str) -> Any:
    headers = {"Authorization": f"Bearer {engine_url[1]}"} if engine_url[1] else {}
    return httpx.get(engine_url[0] + path, headers=headers).json()


def _version(engine_url: tuple[str, str]) -> str:
    found = _http(engine_url, "/version")
    real = found.get("commitSha", "") not in ("", "unknown")
    return f"{'Meilisearch' if real else 'engine'} {found['pkgVersion']}"


def _disk(engine_url: tuple[str, str]) -> float:
    return _http(engine_url, "/stats").get("databaseSize", 0) / 1e6


def process_memory(pid: int) -> float:
    """Returns the MB of memory that a process has allocated, without mapped files."""
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines() if pid else []
    found = next((line.split()[1] for line in lines if line.startswith("RssAnon")), "0")
    return int(found) / 1000
