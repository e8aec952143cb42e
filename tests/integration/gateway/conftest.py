"""The read side as a whole: indexer and gateway in this process, on real servers and an engine."""

import asyncio
import contextlib
import json
import os
import uuid
from collections.abc import AsyncGenerator, Generator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from portal_gateway import app as gateway_app
from portal_gateway.settings import GatewaySettings
from portal_indexer import app as indexer_app
from portal_indexer.settings import IndexerSettings
from portal_shared.contracts.events import (
    DatasetFilesListed,
    DatasetRegistered,
    DocumentRegistered,
    Event,
    InstrumentRegistered,
)
from portal_shared.contracts.records import (
    Dataset,
    Document,
    File,
    FileSummary,
    Instrument,
    files_digest,
)
from portal_shared.messaging import topology
from portal_shared.runtime.settings import Settings
from portal_shared.service.app import Service

from tests.drivers.search_engine import StandIn

CORPORA = Path(
    os.environ.get("PORTAL_CONFORMANCE") or Path(__file__).parents[4] / "shared" / "conformance"
)


@pytest.fixture(scope="session")
def search_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, str]]:
    """URL and key of the engine: from the environment, else the stand-in."""
    url = os.environ.get("PORTAL_TEST_MEILISEARCH_URL")
    if url:
        yield url.rstrip("/"), os.environ.get("PORTAL_TEST_MEILISEARCH_KEY", "")
        return
    stand_in = StandIn(tmp_path_factory.mktemp("search"))
    try:
        yield stand_in.start().url, ""
    finally:
        stand_in.stop()


@dataclass
class Portal:
    """Both services in this process, a client of each, and a publisher of events."""

    indexer: FastAPI
    gateway: FastAPI
    reader: httpx.AsyncClient
    operator: httpx.AsyncClient
    settings: Settings
    published: int = field(default=0)

    async def publish(self, events: Iterable[Event]) -> None:
        service: Service = self.indexer.state.service
        for event in events:
            self.published += 1
            await service.publisher.publish(
                event.model_dump_json().encode(),
                exchange=topology.EVENTS,
                routing_key=event.key,
                message_id=str(uuid.uuid4()),
            )

    async def wait_indexed(self, *, seconds: float = 120) -> dict[str, Any]:
        """Waits until all published events are indexed."""
        service: Service = self.indexer.state.service
        async with asyncio.timeout(seconds):
            while True:
                done = sum(service.retries.outcomes.values())
                status = (await self.operator.get("/status")).json()
                if done >= self.published and status["pending"] == 0:
                    return status
                await asyncio.sleep(0.05)

    async def get(self, path: str, **params: Any) -> httpx.Response:
        sent = {k: v if isinstance(v, str) else json.dumps(v) for k, v in params.items()}
        return await self.reader.get(path, params=sent)

    async def pids(self, path: str, **params: Any) -> list[str]:
        answer = await self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return [row["pid"] for row in answer.json()]


@pytest.fixture
async def portal(settings: Settings, search_url: tuple[str, str]) -> AsyncGenerator[Portal]:
    async with running(settings, search_url) as portal:
        yield portal


@pytest.fixture
def engine(tmp_path: Path) -> Generator[StandIn]:
    """One of the test's own, which it may kill and start again."""
    made = StandIn(tmp_path / "engine")
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
async def portal_on_engine(settings: Settings, engine: StandIn) -> AsyncGenerator[Portal]:
    async with running(settings, (engine.url, "")) as portal:
        yield portal


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_portal(
    settings_of_module: Settings, search_url: tuple[str, str]
) -> AsyncGenerator[Portal]:
    """One for the tests of a module, which must only read."""
    async with running(settings_of_module, search_url) as portal:
        yield portal


@contextlib.asynccontextmanager
async def running(settings: Settings, search_url: tuple[str, str]) -> AsyncGenerator[Portal]:
    await topology.declare(settings)
    shared = {
        **settings.model_dump(),
        "meilisearch_url": search_url[0],
        "meilisearch_key": search_url[1],
        "index_prefix": f"t{uuid.uuid4().hex[:10]}_",
    }
    indexer = indexer_app.build(IndexerSettings(**shared))
    gateway = gateway_app.build(GatewaySettings(**shared))
    async with contextlib.AsyncExitStack() as stack:
        for app in (indexer, gateway):
            await stack.enter_async_context(app.router.lifespan_context(app))
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://portal")
            )
            for app in (gateway, indexer)
        ]
        async with asyncio.timeout(60):
            while await indexer.state.service.failing_checks():
                await asyncio.sleep(0.05)
        yield Portal(indexer, gateway, clients[0], clients[1], settings)


def corpus_events(corpus: dict[str, Any]) -> list[Event]:
    """The records of a corpus in the form of the PaNOSC data model, as the portal's events."""
    events: list[Event] = [
        InstrumentRegistered(instrument=Instrument.model_validate(i), version=1)
        for i in corpus["instruments"]
    ]
    datasets: dict[str, dict[str, Any]] = {d["pid"]: d for d in corpus["orphan_datasets"]}
    above: dict[str, str] = {}
    for document in corpus["documents"]:
        for dataset in document["datasets"]:
            datasets.setdefault(dataset["pid"], dataset)
            above.setdefault(dataset["pid"], document["pid"])
        events.append(DocumentRegistered(document=_document(document), version=1))
    for pid, dataset in datasets.items():
        files = [File(name=f["name"], path=f.get("path"), size=f.get("size"))
                 for f in dataset["files"]]  # fmt: skip
        record = _dataset(dataset, above.get(pid), files)
        events.append(DatasetRegistered(dataset=record, version=1))
        if files:
            events.append(
                DatasetFilesListed(
                    pid=pid,
                    version=1,
                    digest=record.files.digest,
                    folder=None,
                    part=0,
                    parts=1,
                    files=tuple(files),
                )
            )
    return events


def _dataset(given: dict[str, Any], document: str | None, files: list[File]) -> Dataset:
    size = sum(f.size or 0 for f in files)
    return Dataset.model_validate(
        {
            "pid": given["pid"],
            "name": given["pid"],
            "title": given["title"],
            "profile": "panosc",
            "is_public": given["isPublic"],
            "created": given["creationDate"],
            "document": document,
            "size": given.get("size"),
            "instrument": given.get("instrument"),
            "techniques": [
                {"pid": t["pid"], "name": t["name"], "panet_id": t.get("panetId")}
                for t in given["techniques"]
            ],
            "samples": given["samples"],
            "parameters": given["parameters"],
            "files": FileSummary(count=len(files), bytes=size, digest=files_digest(files)),
        }
    )


def _document(given: dict[str, Any]) -> Document:
    dates = {"startDate": "start_date", "endDate": "end_date", "releaseDate": "release_date"}
    return Document.model_validate(
        {
            **{k: given.get(k) for k in ("pid", "title", "type", "summary", "doi", "license")},
            **{name: given.get(found) for found, name in dates.items()},
            "name": given["pid"],
            "profile": "panosc",
            "is_public": given["isPublic"],
            "keywords": given.get("keywords") or [],
            "members": [_member(m) for m in given["members"]],
            "parameters": given["parameters"],
            "datasets": [d["pid"] for d in given["datasets"]],
        }
    )


def _member(given: dict[str, Any]) -> dict[str, Any]:
    person = given.get("person")
    if person:
        names = {"fullName": "full_name", "firstName": "first_name", "lastName": "last_name",
                 "researcherId": "researcher_id"}  # fmt: skip
        person = {names.get(k, k): str(v) for k, v in person.items() if v is not None}
    place = given.get("affiliation")
    return {
        "role": given.get("role"),
        "person": person,
        "affiliation": {k: str(v) for k, v in place.items() if v is not None} if place else None,
    }


def corpus(name: str) -> dict[str, Any]:
    """Skips when the conformance kit is not there."""
    path = CORPORA / "fixtures" / f"{name}.json"
    if not path.exists():
        pytest.skip("the conformance kit is not there: PORTAL_CONFORMANCE names none")
    return json.loads(path.read_text("utf-8"))


class Corpora:
    """The conformance kit's corpora, where the kit is."""

    folder = CORPORA

    def events(self, name: str) -> list[Event]:
        return corpus_events(corpus(name))


@pytest.fixture
def corpora() -> Corpora:
    return Corpora()
