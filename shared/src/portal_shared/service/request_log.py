"""ASGI middleware around a whole application: counts, times, traces and ends its requests."""

import time
from collections.abc import Awaitable
from contextlib import AbstractContextManager
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal_shared.runtime.metrics import HTTP_OPEN, HTTP_REQUESTS, HTTP_SECONDS
from portal_shared.runtime.telemetry import tracing
from portal_shared.service.drain import Drain

ROUTE_KEY = "portal.route"  # of the scope: the template, where no framework routes the request
UNROUTED = "none"
UNTRACED = ("/health", "/metrics", "/status")  # requested every few seconds
HEADER = tracing.HEADER.encode()
NO_STATUS = 499  # nothing was sent: the client has gone


class RequestLog:
    """Counts requests by route and status; a response that is not done in time is cut."""

    def __init__(self, app: ASGIApp, drain: Drain) -> None:
        self._app = app
        self._drain = drain
        self._counters: dict[tuple[str, str, int], Any] = {}
        self._histograms: dict[str, Any] = {}
        HTTP_OPEN.set_function(drain.count_requests)  # all applications of a process have one drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request by the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if tracing.tracer() is None or scope["path"].startswith(UNTRACED):
            await self._answer(scope, receive, send, None)
            return
        with _span(scope) as span:
            await self._answer(scope, receive, send, span)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, span: tracing.Span | None
    ) -> None:
        started = time.perf_counter()
        status = NO_STATUS

        def send_noting_status(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            return send(message)

        try:
            with self._drain.request():
                await self._app(scope, receive, send_noting_status)
        finally:
            if span is not None:
                _complete(span, scope, status)
            self._count(scope, status, time.perf_counter() - started)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route, method = route_of(scope), scope["method"]
        key = (method, route, status)
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = HTTP_REQUESTS.labels(method, route, str(status))
        counter.inc()
        histogram = self._histograms.get(route)
        if histogram is None:
            histogram = self._histograms[route] = HTTP_SECONDS.labels(route)
        histogram.observe(seconds)


def route_of(scope: Scope) -> str:
    """Returns the template of the route that answered, as in `/api/downloads/{request_id}`."""
    known: str | None = scope.get(ROUTE_KEY)
    if known is not None:
        return known
    return getattr(scope.get("route"), "path", None) or UNROUTED


def _span(scope: Scope) -> AbstractContextManager[tracing.Span | None]:
    """Begins the span of a request, in the trace that its header names."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    parent = next((value for name, value in headers if name == HEADER), b"")
    value = parent.decode("latin-1") or tracing.NEW_TRACE
    return tracing.span(scope["method"], parent=value, kind="server")


def _complete(span: tracing.Span, scope: Scope, status: int) -> None:
    """Adds what is known of a request at its end."""
    route = route_of(scope)
    span.update_name(f"{scope['method']} {route}")
    span.set_attribute("http.request.method", scope["method"])
    span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", status)
