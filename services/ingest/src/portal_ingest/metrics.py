"""Metrics of ingest: jobs by result, calls of ICAT."""

from portal_shared.runtime.metrics import (
    LONG_SECONDS,
    REGISTRY,
    Calls,
    Histogram,
    counter_from_zero,
)

JOBS = counter_from_zero("portal_jobs", "Finished jobs", "result", ("done", "partial", "refused"))
JOB_SECONDS = Histogram(
    "portal_job_seconds",
    "Time from the claim of a job to its end",
    buckets=LONG_SECONDS,
    registry=REGISTRY,
)
ICAT_CALLS = Calls("icat", "ICAT")
