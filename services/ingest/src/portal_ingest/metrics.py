"""Metrics of ingest: jobs by result, calls of ICAT."""

from portal_shared.runtime.metrics import LONG_SECONDS, REGISTRY, Calls, Histogram
from prometheus_client import Counter

JOBS = Counter(
    "portal_jobs", "Finished jobs; result: done, partial, refused", ["result"], registry=REGISTRY
)
JOB_SECONDS = Histogram(
    "portal_job_seconds",
    "Time from the claim of a job to its end",
    buckets=LONG_SECONDS,
    registry=REGISTRY,
)
ICAT_CALLS = Calls("icat", "ICAT")
