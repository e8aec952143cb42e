"""`make trace` draws the trace of a job through the services, docs/trace.svg.

It starts an instance of the portal of its own, whose services send their spans here.
"""

import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.drivers.collector import running_collector
from tests.drivers.instance import Portal, started

COLORS = {
    "ingest": "#2563a8",
    "doi": "#b4560f",
    "indexer": "#2e7d4f",
    "downloader": "#8a3b8f",
    "gateway": "#a02c3c",
}
FILE = Path(__file__).parents[3] / "docs" / "trace.svg"
LABELS, WIDTH, ROW, TOP = 290, 980, 19, 46
MAX_LINES = 10
XMLNS, FONT = "http://www.w3.org/2000/svg", 'font-family="sans-serif" font-size="11.5"'


@dataclass(frozen=True)
class Span:
    """A part of a trace; times in seconds since the epoch."""

    trace: str
    service: str
    name: str
    began: float
    ended: float


def parsed(bodies: Sequence[bytes]) -> list[Span]:
    """Returns the spans of OTLP requests."""
    found: list[Span] = []
    for body in bodies:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {a.key: a.value.string_value for a in resource.resource.attributes}
            found += [
                Span(s.trace_id.hex(), names["service.name"], s.name,
                     s.start_time_unix_nano / 1e9, s.end_time_unix_nano / 1e9)
                for scope in resource.scope_spans for s in scope.spans
            ]  # fmt: skip
    return found


def widest(spans: Sequence[Span]) -> list[Span]:
    """Returns the trace with the most kinds of spans of the most services, in order of time."""
    traces: defaultdict[str, list[Span]] = defaultdict(list)
    for span in spans:
        traces[span.trace].append(span)

    def size(trace: list[Span]) -> tuple[int, int]:
        return len({s.service for s in trace}), len({(s.service, s.name) for s in trace})

    return sorted(max(traces.values(), key=size), key=lambda span: span.began)


def drawing(spans: Sequence[Span]) -> str:
    """Returns a picture (SVG) with a row for each kind of span, in order of their first begin."""
    first, last = min(s.began for s in spans), max(s.ended for s in spans)
    scale = (WIDTH - LABELS - 20) / (last - first)
    rows: dict[tuple[str, str], list[Span]] = {}
    for span in spans:
        rows.setdefault((span.service, span.name), []).append(span)
    height = TOP + ROW * len(rows) + 12
    parts = [
        f'<svg xmlns="{XMLNS}" viewBox="0 0 {WIDTH} {height}" {FONT}>',
        "<title>The trace of a job through the services</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    step = _step(last - first)
    for number in range(int((last - first) / step) + 1):
        x = LABELS + number * step * scale
        parts.append(f'<path d="M{x:.1f} {TOP - 8}V{height - 8}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{TOP - 14}" fill="#444">{number * step:g} s</text>')
    for number, ((service, name), group) in enumerate(rows.items()):
        y, color = TOP + number * ROW, COLORS.get(service, "#444")
        many = f" \u00d7 {len(group)}" if len(group) > 1 else ""
        parts.append(
            f'<text x="8" y="{y + 12}" fill="{color}"><tspan font-weight="bold">{service}</tspan>'
            f" {escape(_short(name))}{many}</text>"
        )
        for span in group:
            width = max((span.ended - span.began) * scale, 1.5)
            x = LABELS + (span.began - first) * scale
            parts.append(
                f'<rect x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="11" rx="2"'
                f' fill="{color}" fill-opacity=".8"/>'
            )
    return "\n".join([*parts, "</svg>", ""])


def _short(name: str) -> str:
    return name.removeprefix("portal.events.").removeprefix("default.")


def _step(seconds: float) -> float:
    """Returns a round distance of lines, at most ten of them."""
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300)
    return next((step for step in steps if seconds / step <= MAX_LINES), 3600)


def collected(folder: Path) -> list[bytes]:
    """Runs a portal with a record of the Atlas; returns what its services sent to a collector."""
    with running_collector() as (url, bodies):
        os.environ["PORTAL_OTLP_URL"] = url
        portal: Portal = started(folder)
        try:
            portal.done("import", "hoa", "--limit", "1", "--no-files")
            portal.done("wait", "--timeout", "300")
        finally:
            portal.run("down")  # services send what is left
    return bodies


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        spans = widest(parsed(collected(Path(folder) / "portal")))
    FILE.write_text(drawing(spans), "utf-8")
    sys.stdout.write(f"{FILE}: {len(spans)} spans\n")


if __name__ == "__main__":
    main()
