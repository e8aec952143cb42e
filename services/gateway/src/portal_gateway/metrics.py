"""Metrics of the gateway: searches by kind with the engine's time, download requests, streams."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from portal_shared.runtime.metrics import REGISTRY, SHORT_SECONDS, Histogram, count_result
from prometheus_client import Counter, Gauge

SEARCHES = Counter(
    "portal_searches",
    "Searches by kind; result: ok, refused, unavailable",
    ["kind", "result"],
    registry=REGISTRY,
)
SEARCH_SECONDS = Histogram(
    "portal_search_seconds",
    "Time to answer a search, without sending it",
    ["kind"],
    buckets=SHORT_SECONDS,
    registry=REGISTRY,
)
ENGINE_SECONDS = Histogram(
    "portal_engine_seconds",
    "Time of one request to the search engine, by the kind of search that made it",
    ["kind"],
    buckets=SHORT_SECONDS,
    registry=REGISTRY,
)
DOWNLOAD_REQUESTS = Counter(
    "portal_download_requests",
    "Requests for downloads; result: accepted, refused, unavailable",
    ["result"],
    registry=REGISTRY,
)
EVENT_STREAMS = Gauge("portal_event_streams", "Open event streams of downloads", registry=REGISTRY)

OTHER = "other"  # requests to the engine that belong to no search

_kind: ContextVar[str] = ContextVar("search kind", default=OTHER)


@contextmanager
def measure_search(kind: str) -> Generator[None]:
    """Counts a search, and the engine's time within the block, under this kind."""
    token = _kind.set(kind)
    started = time.perf_counter()
    try:
        with count_result(SEARCHES, kind):
            yield
    finally:
        _kind.reset(token)
        SEARCH_SECONDS.labels(kind).observe(time.perf_counter() - started)


def observe_engine(seconds: float) -> None:
    """Records the time of a request to the engine."""
    ENGINE_SECONDS.labels(_kind.get()).observe(seconds)
