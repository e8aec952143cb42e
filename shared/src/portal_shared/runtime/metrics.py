"""Counters and histograms of a process, in one registry; those of one service are in its package.

Names and labels are public: docs/metrics.md lists them, dashboards and alerts use them. Labels have
few values: a route is its template, never an address of a record.
"""

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge
from typing_extensions import override

from portal_shared.runtime.progress import note_progress
from portal_shared.runtime.telemetry import tracing

REGISTRY = CollectorRegistry(auto_describe=True)

SHORT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
LONG_SECONDS = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 28_800.0, 86_400.0)


class Histogram(prometheus_client.Histogram):
    """A histogram. While traces are on, each bucket has its newest recorded span as exemplar."""

    @override
    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        """Adds a value, with the current span unless another one is given."""
        super().observe(amount, exemplar or tracing.exemplar())


MESSAGES = Counter(
    "portal_messages",
    "Messages consumed; outcome: ok, retried, dead, returned",
    ["queue", "outcome"],
    registry=REGISTRY,
)
MESSAGE_SECONDS = Histogram(
    "portal_message_seconds",
    "Time to handle a message",
    ["queue"],
    buckets=SHORT_SECONDS,
    registry=REGISTRY,
)
REDELIVERIES = Counter(
    "portal_redeliveries", "Messages that the broker delivered again", ["queue"], registry=REGISTRY
)
OUTBOX_EVENTS = Counter(
    "portal_outbox_events",
    "Rows of the outbox by event; result: sent, failed, refused",
    ["event", "result"],
    registry=REGISTRY,
)
OUTBOX_SECONDS = Histogram(
    "portal_outbox_seconds",
    "Time from storing an event to the broker's confirmation",
    buckets=SHORT_SECONDS,
    registry=REGISTRY,
)
WORKER_STEPS = Counter(
    "portal_worker_steps",
    "Steps of background workers; result: worked, idle, failed",
    ["worker", "result"],
    registry=REGISTRY,
)
HTTP_REQUESTS = Counter(
    "portal_http_requests",
    "HTTP requests by route and status",
    ["method", "route", "status"],
    registry=REGISTRY,
)
HTTP_SECONDS = Histogram(
    "portal_http_seconds",
    "Time to answer an HTTP request, to the last byte",
    ["route"],
    buckets=SHORT_SECONDS,
    registry=REGISTRY,
)
HTTP_OPEN = Gauge("portal_http_open", "HTTP requests being answered", registry=REGISTRY)


SERVER_ERROR = 500  # statuses from here on


def failure_result(error: BaseException) -> str:
    """Returns the label of an error: `refused` if its status is below 500, else `unavailable`."""
    is_refusal = getattr(error, "status", SERVER_ERROR) < SERVER_ERROR
    return "refused" if is_refusal else "unavailable"


def counter_from_zero(name: str, text: str, label: str, values: Sequence[str]) -> Counter:
    """Returns a counter with one label, whose `values` all are there from the start.

    Prometheus takes the first value of a series for no increase: without a zero before it, an alert
    on the increase of a rare failure would miss the first.
    """
    made = Counter(name, f"{text}; {label}: {', '.join(values)}", [label], registry=REGISTRY)
    for value in values:
        made.labels(value)
    return made


@contextmanager
def count_result(counter: Counter, *labels: str, success: str = "ok") -> Generator[None]:
    """Counts how the block ends, as the last label: `success`, or the `failure_result`."""
    result = success
    try:
        yield
    except BaseException as error:
        result = failure_result(error)
        raise
    finally:
        counter.labels(*labels, result).inc()


class Calls:
    """Calls of one outside system: a counter by operation and result, their time, and a span."""

    def __init__(self, system: str, label: str) -> None:
        self._system = system
        self._counter = Counter(
            f"portal_{system}_calls",
            f"Calls of {label}; result: ok, refused, unavailable",
            ["operation", "result"],
            registry=REGISTRY,
        )
        self._seconds = Histogram(
            f"portal_{system}_call_seconds",
            f"Time of a call of {label}",
            ["operation"],
            buckets=(*SHORT_SECONDS, 30.0, 60.0),
            registry=REGISTRY,
        )

    @contextmanager
    def measure(self, operation: str) -> Generator[None]:
        """Counts a call and its time; see `count_result`."""
        started = time.perf_counter()
        try:
            with (
                tracing.span(f"{self._system} {operation}", kind="client"),
                count_result(self._counter, operation),
            ):
                yield
        finally:
            note_progress()
            self._seconds.labels(operation).observe(time.perf_counter() - started)
