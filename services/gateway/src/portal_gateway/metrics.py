"""Metrics of the gateway: searches by kind with the engine's time, download requests, streams."""

import time
from contextvars import ContextVar
from functools import cache
from types import TracebackType

from portal_shared.runtime.metrics import (
    REGISTRY,
    SHORT_SECONDS,
    Histogram,
    counter_from_zero,
    failure_result,
)
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
DOWNLOAD_REQUESTS = counter_from_zero(
    "portal_download_requests",
    "Requests for downloads",
    "result",
    ("accepted", "refused", "unavailable"),
)
EVENT_STREAMS = Gauge("portal_event_streams", "Open event streams of downloads", registry=REGISTRY)

OTHER = "other"  # requests to the engine that belong to no search

_kind: ContextVar[str] = ContextVar("search kind", default=OTHER)


class SearchTimer:
    """A block that is counted as a search of a kind, as are its requests to the engine.

    It is no generator, and its metrics are looked up once: every search passes it.
    """

    __slots__ = ("_kind", "_started", "_token")

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __enter__(self) -> None:
        self._token = _kind.set(self._kind)
        self._started = time.perf_counter()

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _kind.reset(self._token)
        _counter(self._kind, "ok" if error is None else failure_result(error)).inc()
        _search_histogram(self._kind).observe(time.perf_counter() - self._started)


def observe_engine(seconds: float) -> None:
    """Records the time of a request to the engine."""
    _engine_histogram(_kind.get()).observe(seconds)


@cache
def _counter(kind: str, result: str) -> Counter:
    return SEARCHES.labels(kind, result)


@cache
def _search_histogram(kind: str) -> Histogram:
    return SEARCH_SECONDS.labels(kind)


@cache
def _engine_histogram(kind: str) -> Histogram:
    return ENGINE_SECONDS.labels(kind)
