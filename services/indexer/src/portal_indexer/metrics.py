"""Metrics of the indexer: records indexed, and the time of a batch."""

from portal_shared.runtime.metrics import REGISTRY, SHORT_SECONDS, Calls, Histogram
from prometheus_client import Counter

INDEXED = Counter(
    "portal_indexed_records",
    "Records sent to an index; result: indexed, removed, refused, postponed",
    ["index", "result"],
    registry=REGISTRY,
)
BATCH_SECONDS = Histogram(
    "portal_index_batch_seconds",
    "Time from loading a batch of records to the end of its task in the engine",
    ["index"],
    buckets=(*SHORT_SECONDS, 30.0, 60.0, 300.0),
    registry=REGISTRY,
)
ENGINE_CALLS = Calls("indexing", "the search engine for indexing")
