"""Metrics of the indexer: records indexed, and the time of a batch."""

from portal_shared.runtime.metrics import REGISTRY, SHORT_SECONDS, Calls, Histogram
from portal_shared.search import index_fields
from prometheus_client import Counter

RESULTS = ("indexed", "removed", "refused", "postponed")
INDEXED = Counter(
    "portal_indexed_records",
    f"Records sent to an index; result: {', '.join(RESULTS)}",
    ["index", "result"],
    registry=REGISTRY,
)
for _index in index_fields.INDEXES:  # all from zero, see `counter_from_zero`
    for _result in RESULTS:
        INDEXED.labels(_index, _result)
BATCH_SECONDS = Histogram(
    "portal_index_batch_seconds",
    "Time from loading a batch of records to the end of its task in the engine",
    ["index"],
    buckets=(*SHORT_SECONDS, 30.0, 60.0, 300.0),
    registry=REGISTRY,
)
ENGINE_CALLS = Calls("indexing", "the search engine for indexing")
