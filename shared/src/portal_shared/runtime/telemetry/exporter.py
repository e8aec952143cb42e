"""Traces by OpenTelemetry's SDK, sent as OTLP over HTTP. Imported only if traces are on."""

import time
from collections.abc import Collection, Generator
from contextlib import contextmanager
from typing import Any

from faststream.rabbit.opentelemetry import RabbitTelemetryMiddleware
from opentelemetry import trace
from opentelemetry.context import Context, attach
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import portal_shared
from portal_shared.runtime.telemetry.tracing import HEADER, Kind, Span

SEND_SECONDS = 5.0  # of one request to the collector
MAX_LINKED_SPANS = 1000  # of one batch; further traces do not show it
_KINDS = {
    "internal": trace.SpanKind.INTERNAL,
    "server": trace.SpanKind.SERVER,
    "client": trace.SpanKind.CLIENT,
    "producer": trace.SpanKind.PRODUCER,
}
_PROPAGATOR = TraceContextTextMapPropagator()


def otlp_processor(url: str) -> SpanProcessor:
    """Returns what sends spans to the collector at this address, in batches, in a thread.

    Spans are dropped, not waited for, while the collector is away.
    """
    endpoint = f"{url.rstrip('/')}/v1/traces"
    return BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=SEND_SECONDS))


class OpenTelemetry:
    """The Tracer of a process.

    `share` of the traces that begin here are recorded; those that began elsewhere as decided there.
    """

    def __init__(self, service: str, processor: SpanProcessor, *, share: float = 1.0) -> None:
        names = {"service.namespace": "portal", "service.name": service}
        resource = Resource.create({**names, "service.version": portal_shared.__version__})
        sampler = ParentBased(TraceIdRatioBased(share))
        self._provider = TracerProvider(resource=resource, sampler=sampler, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("portal", portal_shared.__version__)

    @contextmanager
    def span(
        self, name: str, *, parent: str | None, kind: Kind, attributes: dict[str, Any]
    ) -> Generator[Span]:
        """Begins a span; an error that leaves the block is recorded."""
        context = None if parent is None else _parsed(parent)
        with self._tracer.start_as_current_span(
            name, context=context, kind=_KINDS[kind], attributes=attributes
        ) as begun:
            yield begun

    @contextmanager
    def linked_spans(
        self, name: str, *, parents: Collection[str], attributes: dict[str, Any]
    ) -> Generator[None]:
        """Adds the spans at the end of the block, with its times; at most MAX_LINKED_SPANS."""
        began = time.time_ns()
        link = trace.Link(trace.get_current_span().get_span_context())
        try:
            yield
        finally:
            for parent in list(parents)[:MAX_LINKED_SPANS]:
                self._tracer.start_span(
                    name,
                    context=_parsed(parent),
                    attributes=attributes,
                    links=[link],
                    start_time=began,
                ).end()

    def context(self) -> str:
        """Returns the current span as the value of HEADER; empty if there is none."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get(HEADER, "")

    def ids(self) -> dict[str, str]:
        """Returns the ids of the current span as hexadecimal digits."""
        current = trace.get_current_span().get_span_context()
        if not current.is_valid:
            return {}
        return {
            "trace_id": trace.format_trace_id(current.trace_id),
            "span_id": trace.format_span_id(current.span_id),
        }

    def leave(self) -> None:
        """Makes no span the current one, in this context."""
        attach(Context())

    def middleware(self) -> RabbitTelemetryMiddleware:
        """Returns FastStream's middleware that begins a span for each message."""
        return RabbitTelemetryMiddleware(tracer_provider=self._provider)

    def stop(self, seconds: float) -> None:
        """Sends what was not sent yet; what takes longer is dropped."""
        self._provider.force_flush(int(seconds * 1000))
        self._provider.shutdown()


def _parsed(parent: str) -> Context:
    """Returns the context of a value of HEADER; one without a span if it is empty or invalid."""
    return _PROPAGATOR.extract({HEADER: parent} if parent else {}, context=Context())
