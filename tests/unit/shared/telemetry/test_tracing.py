# pyright: basic, reportOptionalMemberAccess=false
"""Traces: work goes on in the trace of its origin; batches are shared."""

from collections.abc import Iterator

import pytest
import structlog
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from portal_shared.runtime.logs import bind_correlation_id
from portal_shared.runtime.telemetry import exporter, tracing
from portal_shared.runtime.telemetry.origin import Origin, current_origin, resume

A, B = (f"00-{digit * 32}-{digit * 16}-01" for digit in "ab")


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    found = InMemorySpanExporter()
    tracing.start(exporter.OpenTelemetry("tests", SimpleSpanProcessor(found)))
    yield found
    tracing.start(None)


@pytest.fixture(autouse=True)
def no_ids() -> Iterator[None]:
    structlog.contextvars.clear_contextvars()
    yield
    structlog.contextvars.clear_contextvars()


def test_work_goes_on_in_the_trace_and_with_the_ids_of_its_origin(
    spans: InMemorySpanExporter,
) -> None:
    bind_correlation_id("before")
    with resume(Origin("c-1", "j-1", A), "run job", pid="p"):
        now = current_origin()
        assert structlog.contextvars.get_contextvars()["pid"] == "p"
    assert (now.correlation_id, now.job_id) == ("c-1", "j-1")
    assert now.traceparent.split("-")[1] == "a" * 32
    assert Origin.of_row(now.fields) == now
    assert structlog.contextvars.get_contextvars() == {"correlation_id": "before"}
    assert [span.name for span in spans.get_finished_spans()] == ["run job"]


def test_a_batch_is_in_every_trace_that_it_works_for(spans: InMemorySpanExporter) -> None:
    with tracing.shared_span("index", [A, B, A], records=3), tracing.span("call", kind="client"):
        pass
    found = [(f"{s.context.trace_id:032x}"[0], s.name) for s in spans.get_finished_spans()]
    assert sorted(found) == [("a", "call"), ("a", "index"), ("b", "index")]


def test_an_invalid_parent_begins_a_trace(spans: InMemorySpanExporter) -> None:
    with tracing.span("outer"), tracing.span("request", parent="nonsense"):
        pass
    request, outer = spans.get_finished_spans()
    assert request.context.trace_id != outer.context.trace_id


def test_without_traces_spans_and_contexts_are_empty() -> None:
    with tracing.span("nothing", parent=A) as span, tracing.shared_span("nothing", [A, B]):
        assert (span, tracing.context(), tracing.ids()) == (None, "", {})
