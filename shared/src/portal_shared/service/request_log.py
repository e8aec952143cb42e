"""ASGI middleware around a whole application: counts, times and ends its requests."""

import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal_shared.runtime.metrics import HTTP_OPEN, HTTP_REQUESTS, HTTP_SECONDS
from portal_shared.service.drain import Drain

ROUTE_KEY = "portal.route"  # of the scope: the template, where no framework routes the request
UNROUTED = "none"
NO_STATUS = 499  # nothing was sent: the client has gone


class RequestLog:
    """Counts requests by route and status; a response that is not done in time is cut."""

    def __init__(self, app: ASGIApp, drain: Drain) -> None:
        self._app = app
        self._drain = drain
        self._counters: dict[tuple[str, str, int], Any] = {}
        self._histograms: dict[str, Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request by the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = NO_STATUS

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        HTTP_OPEN.inc()
        try:
            with self._drain.request():
                await self._app(scope, receive, send_noting_status)
        finally:
            HTTP_OPEN.dec()
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
