"""Structured logs: one JSON line for each entry, with the ids of what it follows from.

The sender of a job chooses the correlation id; all events that result from the job carry it. Where
traces are on, an entry has the ids of the trace and the span that it was written in.
"""

import logging
import sys
import uuid
from types import TracebackType
from typing import Any

import structlog

from portal_shared.runtime.telemetry import tracing

ACCESS_LOG = "uvicorn.access"
SERVER_LOGS = ("uvicorn", ACCESS_LOG)  # uvicorn gives them handlers when it starts


def _add_trace_ids(
    _logger: object, _method: str, entry: structlog.types.EventDict
) -> structlog.types.EventDict:
    ids = tracing.ids()
    if ids and entry.get("trace_id") in (None, ids["trace_id"]):  # not that of another trace
        entry.update(ids)
    return entry


def _split_access_line(
    _logger: object, _method: str, entry: structlog.types.EventDict
) -> structlog.types.EventDict:
    """Makes fields of a line of uvicorn's access log; who the reader is stays out of it."""
    arguments: Any = entry.pop("positional_args", None)
    if entry["_record"].name == ACCESS_LOG:
        _client, method, path, _version, status = arguments
        entry.update(event="request", method=method, path=path, status=status)
    return entry


_PROCESSORS: list[structlog.types.Processor] = [
    structlog.contextvars.merge_contextvars,
    _add_trace_ids,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
_FOREIGN_PROCESSORS = [_split_access_line, *_PROCESSORS]
# One list for all calls of `configure`: loggers that were cached by an earlier call share it.
_OWN_PROCESSORS = [*_PROCESSORS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter]


def configure(service: str, level: str = "INFO") -> None:
    """Writes one JSON line per entry to standard error, for our loggers and those of libraries."""
    structlog.configure(
        processors=_OWN_PROCESSORS,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )

    def add_service_name(
        _logger: object, _method: str, entry: structlog.types.EventDict
    ) -> structlog.types.EventDict:
        entry["service"] = service
        return entry

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_FOREIGN_PROCESSORS,
            pass_foreign_args=True,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                add_service_name,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in ("suds", "httpx", "httpcore", "aio_pika", "aiormq", "pymongo", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for name in SERVER_LOGS:  # with handlers of their own: without, the access log is off
        of_server = logging.getLogger(name)
        if of_server.handlers:
            of_server.handlers = []
            of_server.propagate = True
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("python").critical("ended by an error", exc_info=(kind, error, trace))


def logger(name: str) -> structlog.stdlib.BoundLogger:
    bound: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return bound


def bind_correlation_id(correlation_id: str | None, **more: str) -> None:
    """Adds the correlation id to all further log entries and events of this task."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(
        correlation_id=correlation_id or str(uuid.uuid4()), **more
    )


def current_correlation_id() -> str:
    """Returns the correlation id of this task, or a new one."""
    found = structlog.contextvars.get_contextvars().get("correlation_id")
    return str(found) if found else str(uuid.uuid4())
