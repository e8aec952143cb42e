"""What work follows from: correlation id, job and trace, as rows store and messages carry them."""

import contextvars
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from portal_shared.runtime.telemetry import tracing

JOB_HEADER = "x-job-id"  # of messages


@dataclass(frozen=True)
class Origin:
    """What some work follows from; empty where that is not known."""

    correlation_id: str = ""
    job_id: str = ""
    traceparent: str = ""  # the span that the work is a part of

    @property
    def fields(self) -> dict[str, str]:
        """What is known, as the fields of a row."""
        return {name: value for name, value in vars(self).items() if value}

    @property
    def cause(self) -> tuple[str, str]:
        """What is the same in all that follows from one job, or from one request."""
        return self.correlation_id, self.job_id

    @property
    def ids(self) -> dict[str, str]:
        """What log entries have of it."""
        shown = {name: value for name, value in self.fields.items() if name != "traceparent"}
        parts = self.traceparent.split("-")
        return {**shown, "trace_id": parts[1]} if len(parts) > 1 else shown

    @property
    def headers(self) -> dict[str, str]:
        """What is known beside the correlation id, as the headers of a message."""
        by_name = {JOB_HEADER: self.job_id, tracing.HEADER: self.traceparent}
        return {name: value for name, value in by_name.items() if value}

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Origin":
        """Returns the origin that a row has in `fields`; rows of earlier versions have less."""
        return cls(*(str(row.get(name) or "") for name in cls.__dataclass_fields__))


def current_origin() -> Origin:
    """Returns the origin of what this task does; its correlation id is new if there is none."""
    bound = structlog.contextvars.get_contextvars()
    return Origin(
        str(bound.get("correlation_id") or uuid.uuid4()),
        str(bound.get("job_id") or ""),
        tracing.context(),
    )


def neutral_context() -> contextvars.Context:
    """Returns a copy of the context without ids and span: for a task that works for several."""
    copied = contextvars.copy_context()
    copied.run(structlog.contextvars.clear_contextvars)
    copied.run(tracing.leave_trace)
    return copied


@contextmanager
def resume(origin: Origin, name: str, **ids: str) -> Generator[None]:
    """Continues what follows from an origin: log entries and events of the block have its ids.

    The block is a span of this name in the trace of the origin. `ids` are added to log entries and
    to the span.
    """
    before = structlog.contextvars.get_contextvars()
    correlation_id = origin.correlation_id or str(uuid.uuid4())
    shown = {**origin.ids, "correlation_id": correlation_id, **ids}
    attributes = {key: value for key, value in shown.items() if key != "trace_id"}
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**shown)
    try:
        with tracing.span(name, parent=origin.traceparent, attributes=attributes):
            yield
    finally:
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(**before)
