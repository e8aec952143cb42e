# pyright: basic, reportOptionalMemberAccess=false
"""One trace follows a dataset from its job to index, DOI and ICAT; another one a download."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from portal_doi.settings import DoiSettings
from portal_downloader.app import build as build_downloader
from portal_downloader.settings import DownloaderSettings
from portal_shared.runtime.settings import Settings
from portal_shared.runtime.telemetry import exporter, tracing

from tests.builders import dataset_part, job
from tests.drivers import portal as portal_driver
from tests.drivers.datacite import DataCiteServer
from tests.drivers.portal import Portal
from tests.drivers.search.engine import StandIn
from tests.drivers.servers import declare_bus
from tests.drivers.services import ingest as ingest_driver
from tests.drivers.services.doi import running_doi
from tests.drivers.services.ingest import Ingest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
JOB_TRACE, READER_TRACE = "0af7651916cd43dd8448eb211c80319c", "1bf7651916cd43dd8448eb211c80319d"
PARENT = "b7ad6b7169203331"


def header(trace_id: str) -> dict[str, str]:
    return {tracing.HEADER: f"00-{trace_id}-{PARENT}-01"}


class Spans:
    """The spans that ended so far."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()

    def of(self, trace_id: str) -> list[ReadableSpan]:
        found = self.exporter.get_finished_spans()
        return [s for s in found if trace.format_trace_id(s.context.trace_id) == trace_id]

    async def wait_for(self, trace_id: str, *names: str) -> dict[str, ReadableSpan]:
        """Waits until the trace has spans of these names; returns all of its spans by name."""
        by_name: dict[str, ReadableSpan] = {}
        try:
            async with asyncio.timeout(90):
                while not by_name.keys() >= set(names):
                    await asyncio.sleep(0.1)
                    by_name = {span.name: span for span in self.of(trace_id)}
        except TimeoutError:
            pytest.fail(f"without {set(names) - by_name.keys()}: {sorted(by_name)}")
        return by_name


@pytest.fixture
def spans() -> Iterator[Spans]:
    """Begins traces before any service is built."""
    found = Spans()
    tracing.start(exporter.OpenTelemetry("tests", SimpleSpanProcessor(found.exporter)))
    yield found
    tracing.start(None)


@dataclass
class Services:
    """All services of the portal, in the process of the test."""

    ingest: Ingest
    portal: Portal


@pytest.fixture
async def services(spans: Spans, settings: Settings, tmp_path: Path) -> AsyncIterator[Services]:
    await declare_bus(settings, "ingest", "doi", "indexer", "downloader", "gateway")
    datacite, engine = DataCiteServer(tmp_path / "datacite"), StandIn(tmp_path / "search")
    shared: dict[str, Any] = {**settings.model_dump(), "site_url": "http://portal.example"}
    cache = DownloaderSettings(
        **shared, cache_dir=tmp_path / "cache", tape_url="http://127.0.0.1:1"
    )
    async with AsyncExitStack() as stack:
        stack.callback(datacite.close)
        stack.callback(engine.stop)
        datacite.start()
        engine.start()
        datacite.reset()
        doi: dict[str, Any] = {"datacite_url": datacite.url, "datacite_prefix": datacite.prefix}
        doi_settings = DoiSettings(**shared, **doi, relations_quiet=0.2, relations_patience=2)
        icat = stack.enter_context(ingest_driver.running_icat(tmp_path))
        downloader = build_downloader(cache)
        await stack.enter_async_context(downloader.router.lifespan_context(downloader))
        await stack.enter_async_context(running_doi(doi_settings))
        portal = await stack.enter_async_context(portal_driver.running(settings, (engine.url, "")))
        ingest = await stack.enter_async_context(
            ingest_driver.running_ingest(settings, icat.url, tmp_path)
        )
        yield Services(ingest, portal)


async def test_one_trace_follows_a_dataset_through_all_services(
    services: Services, spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    ingest = services.ingest
    file = ingest.file("hoa/a", "0/c", b"voxels")
    part = dataset_part("a", folder="hoa/a", files=[file])
    await ingest.broker.send(job(part, job_id="j1"), "c-1", headers=header(JOB_TRACE))
    assert (await ingest.broker.answer()).result == "done"
    found = await spans.wait_for(
        JOB_TRACE,
        "accept job",
        "run job",
        "icat register",
        "publish dataset.registered.v1",
        "reconcile DOI",
        "datacite put",
        "publish doi.minted.v1",
        "write DOI to ICAT",
        "index datasets",
        "indexing replace",
        "portal.events.dataset.registered.v1 process",
    )
    assert found["run job"].attributes == {"correlation_id": "c-1", "job_id": "j1"}
    assert parents(spans.of(JOB_TRACE), "datacite put") == ["reconcile DOI"]
    ids = {"job_id": "j1", "correlation_id": "c-1", "trace_id": JOB_TRACE}
    entries = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    written = {entry["event"] for entry in entries if entry.items() >= ids.items()}
    assert written >= {"job accepted", "job finished", "DOI registered", "DOI written to ICAT"}
    assert written >= {"file list imported", "indexed"}


def parents(spans: list[ReadableSpan], name: str) -> list[str]:
    """Returns the names of the spans that those of a name are directly below."""
    names = {span.context.span_id: span.name for span in spans}
    return sorted({names[s.parent.span_id] for s in spans if s.name == name and s.parent})


async def test_one_trace_follows_a_download_from_its_request_to_the_downloader_and_back(
    services: Services, spans: Spans
) -> None:
    ingest, reader = services.ingest, services.portal.reader
    file = ingest.file("hoa/a", "0/c", b"voxels")
    await ingest.run(job(dataset_part("a", folder="hoa/a", files=[file]), job_id="j1"))
    async with asyncio.timeout(90):
        while (await reader.get("/api/records/a")).status_code != 200:
            await asyncio.sleep(0.1)
    answer = await reader.post("/api/downloads", json={"pid": "a"}, headers=header(READER_TRACE))
    assert answer.is_success, answer.text
    found = await spans.wait_for(
        READER_TRACE,
        "POST /api/downloads",
        "publish download.requested.v1",
        "portal.events.download.requested.v1 process",
        "plan download",
        "publish download.progressed.v1",
        "portal.events.download.progressed.v1 process",
    )
    request = found["POST /api/downloads"]
    assert request.parent is not None
    assert trace.format_span_id(request.parent.span_id) == PARENT
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == answer.status_code
