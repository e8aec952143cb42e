"""Buckets of histograms have the span of what they counted, where it is recorded."""

import itertools
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from portal_doi.metrics import DATACITE_CALLS as CALLS
from portal_shared.runtime.settings import Settings
from portal_shared.runtime.telemetry import exporter, tracing
from portal_shared.service.app import Service
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.drivers.services.operators import HEADERS

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0, text/plain;q=0.5"}
RECORDED, NOT_RECORDED = (f"00-{'a' * 32}-{'b' * 16}-{flags}" for flags in ("01", "00"))
_operations = (f"operation {number}" for number in itertools.count())


@pytest.fixture
def operation() -> str:
    return next(_operations)


@pytest.fixture(autouse=True)
def traces() -> Iterator[None]:
    processor = SimpleSpanProcessor(InMemorySpanExporter())
    tracing.start(exporter.OpenTelemetry("tests", processor))
    yield
    tracing.start(None)


@pytest.fixture
def app() -> FastAPI:
    return Service("gateway", Settings()).app()


async def get(app: FastAPI, path: str, headers: dict[str, str]) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://s") as client:
        return await client.get(path, headers={**HEADERS, **headers})


async def exemplars(app: FastAPI, metric: str, **labels: str) -> list[dict[str, str]]:
    """Exemplars of the buckets of a histogram, as a scrape of OpenMetrics has them."""
    answer = await get(app, "/metrics", OPENMETRICS)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    samples = (s for f in text_string_to_metric_families(answer.text) for s in f.samples)
    return [
        sample.exemplar.labels
        for sample in samples
        if sample.name == f"{metric}_bucket" and sample.exemplar
        and labels.items() <= sample.labels.items()
    ]  # fmt: skip


async def test_a_call_has_the_span_of_which_it_is_a_part(app: FastAPI, operation: str) -> None:
    with tracing.span("job", parent=RECORDED), CALLS.measure(operation):
        ids = tracing.ids()
    [found] = await exemplars(app, "portal_datacite_call_seconds", operation=operation)
    assert (found["trace_id"], len(found["span_id"])) == (ids["trace_id"], 16)


async def test_a_request_has_its_own_span(app: FastAPI, operation: str) -> None:
    path = f"/{operation.replace(' ', '-')}"
    app.add_api_route(path, lambda: None)
    await get(app, path, {tracing.HEADER: RECORDED})
    [found] = await exemplars(app, "portal_http_seconds", route=path)
    assert found["trace_id"] == "a" * 32


@pytest.mark.parametrize("parent", [NOT_RECORDED, None])
async def test_without_a_recorded_span_there_is_none(
    app: FastAPI, operation: str, parent: str | None
) -> None:
    if parent is None:
        tracing.start(None)
    with tracing.span("job", parent=parent), CALLS.measure(operation):
        pass
    assert not await exemplars(app, "portal_datacite_call_seconds", operation=operation)


@pytest.mark.parametrize("header", ["", "None", "00-x-y-01", "0" * 9000, RECORDED + "-more"])
def test_a_header_that_names_no_span_gives_none(header: str) -> None:
    assert tracing.exemplar(header) is None


def test_a_header_gives_its_span() -> None:
    assert tracing.exemplar(RECORDED) == {"trace_id": "a" * 32, "span_id": "b" * 16}
    assert tracing.exemplar(NOT_RECORDED) is None


async def test_others_get_the_text_format_without_exemplars(app: FastAPI, operation: str) -> None:
    with tracing.span("job", parent=RECORDED), CALLS.measure(operation):
        pass
    answer = await get(app, "/metrics", {"Accept": "text/plain;version=0.0.4"})
    assert answer.headers["content-type"].startswith("text/plain")
    assert f'operation="{operation}"' in answer.text
    assert "a" * 32 not in answer.text
