"""Metrics of the downloader: bytes served, downloads by state, recalls, cache, estimates."""

from portal_shared.runtime.metrics import LONG_SECONDS, REGISTRY, Histogram, counter_from_zero
from prometheus_client import Counter

SERVED_BYTES = Counter(
    "portal_served_bytes",
    "Bytes of files sent to readers by this process; nginx sends others",
    registry=REGISTRY,
)
FILE_READS = counter_from_zero(
    "portal_file_reads", "Requests for a file by where it was", "result", ("online", "offline")
)
DOWNLOADS = counter_from_zero(
    "portal_downloads",
    "Download requests that ended",
    "state",
    ("ready", "failed", "cancelled"),
)
RECALLS = counter_from_zero(
    "portal_recalls",
    "Copies of staged files from the archive",
    "outcome",
    ("verified", "mismatch", "not on disk", "interrupted", "lease lost", "too large"),
)
RECALLED_BYTES = Counter(
    "portal_recalled_bytes", "Bytes of verified files from the archive", registry=REGISTRY
)
COPY_SECONDS = Histogram(
    "portal_recall_copy_seconds",
    "Time to copy a staged file from the archive and to verify it",
    buckets=LONG_SECONDS,
    registry=REGISTRY,
)
EVICTIONS = Counter("portal_cache_evictions", "Contents evicted from the cache", registry=REGISTRY)
ESTIMATE_RATIO = Histogram(
    "portal_estimate_ratio",
    "Time that a download took, divided by its first estimate",
    buckets=(0.1, 0.25, 0.5, 0.8, 1.0, 1.25, 2.0, 4.0, 10.0),
    registry=REGISTRY,
)
