"""Traces in processes: nothing is imported while they are off; spans reach a collector."""

import subprocess
import sys

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from portal_shared.runtime.telemetry import exporter, tracing

from tests.drivers.collector import running_collector

PARENT = f"00-{'a' * 32}-{'a' * 16}-01"


def test_no_sdk_is_imported_while_traces_are_off() -> None:
    program = (
        "import sys; from portal_doi.app import build; build();"
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_spans_reach_a_collector_with_the_name_of_their_service() -> None:
    with running_collector() as (url, bodies):
        tracer = exporter.OpenTelemetry("doi", exporter.otlp_processor(f"{url}/"))
        tracing.start(tracer)
        try:
            with tracing.span("a call", parent=PARENT, kind="client"):
                pass
        finally:
            tracing.start(None)
            tracer.stop(60)
    (resource,) = ExportTraceServiceRequest.FromString(bodies[0]).resource_spans
    attributes = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert attributes["service.name"] == "doi"
    (span,) = resource.scope_spans[0].spans
    assert (span.name, span.trace_id.hex()) == ("a call", "a" * 32)
