"""Traces: starts spans, and reads and writes their context. Off unless `start` is called.

This is the only module that services use for it. While traces are off, nothing of OpenTelemetry's
SDK is imported, and a span costs the call of a function.
"""

import re
from collections.abc import Collection, Generator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, Literal, Protocol

HEADER = "traceparent"  # of HTTP requests and messages, by W3C's Trace Context
Kind = Literal["internal", "server", "client", "producer"]
NEW_TRACE = ""  # as the parent of a span
_RECORDED = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f][13579bdf]")
_NOTHING: AbstractContextManager[None] = nullcontext()


class Span(Protocol):
    """A span that has begun; what OpenTelemetry's has, as far as it is used."""

    def update_name(self, name: str) -> None:
        """Renames it."""
        ...

    def set_attribute(self, key: str, value: Any) -> None:
        """Adds a fact."""
        ...


class Tracer(Protocol):
    """What exports spans; see exporter.py."""

    def span(
        self, name: str, *, parent: str | None, kind: Kind, attributes: dict[str, Any]
    ) -> AbstractContextManager[Span]:
        """Begins a span, the current one within the block."""
        ...

    def linked_spans(
        self, name: str, *, parents: Collection[str], attributes: dict[str, Any]
    ) -> AbstractContextManager[None]:
        """Begins a span below each parent, linked to the current one."""
        ...

    def context(self) -> str:
        """Returns the current span as the value of HEADER; empty if there is none."""
        ...

    def ids(self) -> dict[str, str]:
        """Returns `trace_id` and `span_id` of the current span; empty if there is none."""
        ...

    def leave(self) -> None:
        """Makes no span the current one, in this context."""
        ...

    def middleware(self) -> Any:
        """Returns FastStream's middleware that begins a span for each message."""
        ...

    def stop(self, seconds: float) -> None:
        """Sends what was not sent yet, within so many seconds."""
        ...


_tracer: Tracer | None = None


def start(tracer: Tracer | None) -> None:
    """Makes a tracer that of this process; None ends the traces."""
    global _tracer  # noqa: PLW0603  # one for each process, as in OpenTelemetry
    _tracer = tracer


def tracer() -> Tracer | None:
    """Returns the tracer of this process; None while traces are off."""
    return _tracer


def span(
    name: str,
    *,
    parent: str | None = None,
    kind: Kind = "internal",
    attributes: Mapping[str, str] | None = None,
) -> AbstractContextManager[Span | None]:
    """Begins a span, which ends with the block and is its context's current one.

    It is a part of the current span, or of `parent`: the value of HEADER, or NEW_TRACE.
    """
    if _tracer is None:
        return _NOTHING
    return _tracer.span(name, parent=parent, kind=kind, attributes=dict(attributes or {}))


@contextmanager
def shared_span(name: str, parents: Collection[str], **attributes: Any) -> Generator[None]:
    """Begins a span of work that is done at once for several traces: one in each of them.

    What the block calls is a part of the first one; the others are linked to that.
    """
    if _tracer is None:
        yield
        return
    first, *others = dict.fromkeys(parents) or (NEW_TRACE,)
    with ExitStack() as stack:
        stack.enter_context(
            _tracer.span(name, parent=first, kind="internal", attributes=attributes)
        )
        if others:
            stack.enter_context(_tracer.linked_spans(name, parents=others, attributes=attributes))
        yield


def context() -> str:
    """Returns the current span as the value of HEADER; empty if there is none."""
    return "" if _tracer is None else _tracer.context()


def ids() -> dict[str, str]:
    """Returns `trace_id` and `span_id` of the current span; empty if there is none."""
    return {} if _tracer is None else _tracer.ids()


def exemplar(traceparent: str | None = None) -> dict[str, str] | None:
    """Returns `trace_id` and `span_id` for a metric; None unless the span is recorded.

    It is the span of a value of HEADER, or the current one.
    """
    if _tracer is None:
        return None
    found = _RECORDED.fullmatch(_tracer.context() if traceparent is None else traceparent)
    return {"trace_id": found[1], "span_id": found[2]} if found else None


def leave_trace() -> None:
    """Makes no span the current one, in this context."""
    if _tracer is not None:
        _tracer.leave()
