"""A gateway process as in production over a loaded catalogue and index.

Records go straight into both, by the indexer's own packing: the bus is another bench's matter.
"""
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false

import contextlib
import os
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import httpx
from portal_gateway.settings import GatewaySettings
from portal_indexer import index_settings
from portal_indexer.catalogue import Catalogue, Marks
from portal_indexer.file_lists import FileLists, file_row
from portal_indexer.index_worker import IndexWorker
from portal_indexer.marks.claims import Claims
from portal_indexer.meilisearch import Meilisearch
from portal_indexer.settings import IndexerSettings
from portal_local.launcher.ports import free_port
from portal_shared.contracts.events import DatasetFilesListed
from portal_shared.messaging import topology
from portal_shared.runtime import mongo
from portal_shared.runtime.settings import Settings
from portal_shared.runtime.telemetry.origin import Origin
from portal_shared.search import index_fields

from tests.bench.loads.search_corpus import INSTRUMENTS, Corpus

BATCH = 250
NO_MARKS = Marks([], (Origin(),))
Doc = dict[str, Any]


@dataclass(frozen=True)
class Loaded:
    """A corpus behind a gateway."""

    corpus: Corpus
    url: str
    process: subprocess.Popen[bytes]
    settings: GatewaySettings
    seconds: float  # to load it


Loading = Callable[[Corpus], AbstractAsyncContextManager[Loaded]]


@asynccontextmanager
async def serve_corpus(
    corpus: Corpus, settings: Settings, engine_url: tuple[str, str]
) -> AsyncGenerator[Loaded]:
    """Loads a corpus into indexes and databases of its own, and serves it."""
    own = {
        **settings.model_dump(),
        "database_prefix": f"b{uuid.uuid4().hex[:10]}_",
        "meilisearch_url": engine_url[0],
        "meilisearch_key": engine_url[1],
        "index_prefix": f"b{uuid.uuid4().hex[:10]}_",
    }
    await topology.declare(settings)
    began = time.monotonic()
    await _load(IndexerSettings.model_validate(own), corpus)
    seconds = time.monotonic() - began
    made = GatewaySettings.model_validate(own)
    with served(made) as (url, process):
        yield Loaded(corpus, url, process, made, seconds)
    await _forget(IndexerSettings.model_validate(own))


@contextlib.contextmanager
def served(settings: GatewaySettings) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Runs a gateway in a process of its own; yields its address and the process."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", "portal_gateway.app:build"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
    health = f"http://127.0.0.1:{port}/health"
    with _process(command, health, _environment(settings)) as found:
        yield found


@contextlib.contextmanager
def _process(
    command: list[str], health: str, environment: dict[str, str] | None = None
) -> Generator[tuple[str, subprocess.Popen[bytes]]]:
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})})
    try:
        end = time.monotonic() + 120
        while True:
            assert process.poll() is None, f"{command[2]} ended"
            assert time.monotonic() < end, f"{command[2]} is not ready"
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(health).is_success:
                    break
            time.sleep(0.1)
        yield health.rsplit("/", 1)[0], process
    finally:
        process.terminate()
        process.wait(30)


def _environment(settings: GatewaySettings) -> dict[str, str]:
    return {
        "PORTAL_AMQP_URL": settings.amqp_url.get_secret_value(),
        "PORTAL_MONGO_URL": settings.mongo_url.get_secret_value(),
        "PORTAL_DATABASE_PREFIX": settings.database_prefix,
        "PORTAL_MEILISEARCH_URL": settings.meilisearch_url,
        "PORTAL_MEILISEARCH_KEY": settings.meilisearch_key.get_secret_value(),
        "PORTAL_INDEX_PREFIX": settings.index_prefix,
    }


async def _load(settings: IndexerSettings, corpus: Corpus) -> None:
    client = mongo.connect(settings)
    database = mongo.database(client, settings, "catalogue")
    catalogue, engine = Catalogue(database), Meilisearch(settings)
    await catalogue.prepare()
    await FileLists(database).prepare()
    for name in index_fields.INDEXES:
        await engine.ensure(name, index_settings.settings(name))
    indexing = IndexWorker(catalogue, Claims(database), engine, BATCH)
    rows: dict[str, list[Doc]] = {name: [] for name in index_fields.INDEXES}
    rows[index_fields.INSTRUMENTS] = [_row(i) for i in INSTRUMENTS]
    files: list[Doc] = []
    for document, below in corpus.records():
        rows[index_fields.DOCUMENTS].append(_row(document))
        for dataset, listed in below:
            rows[index_fields.DATASETS].append(_row(dataset))
            event = DatasetFilesListed(
                pid=dataset.pid,
                version=1,
                digest=dataset.files.digest if dataset.files else "",
                folder=None,
                part=0,
                parts=1,
                files=tuple(listed),
            )
            files += [file_row(event, f) for f in listed]
    for name, made in (*rows.items(), ("files", files)):
        for batch in _batches(made, 2000):
            await database[name].insert_many(batch)
    for name in index_fields.INDEXES:
        for batch in _batches(rows[name], BATCH):
            await indexing.index(name, name, [{**row, "marks": NO_MARKS} for row in batch])
    client.close()


async def _forget(settings: IndexerSettings) -> None:
    engine = Meilisearch(settings)
    for name in index_fields.INDEXES:
        await engine.drop(name)
    client = mongo.connect(settings)
    await client.drop_database(settings.database_prefix + "catalogue")
    client.close()


def _row(record: Any) -> Doc:
    return {
        "_id": record.pid,
        "record": record.model_dump(mode="json"),
        "public": True,
        "version": 1,
    }


def _batches(rows: list[Doc], size: int) -> Iterator[list[Doc]]:
    listed = iter(rows)
    while batch := list(islice(listed, size)):
        yield batch
