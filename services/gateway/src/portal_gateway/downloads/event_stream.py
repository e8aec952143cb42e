"""Server-sent events of a download: its state after each change, until it has ended."""

import contextlib
import json
import time
from collections.abc import AsyncGenerator

from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from portal_gateway.downloads.download import Download
from portal_gateway.downloads.views import download_view
from portal_gateway.downloads.watch import DownloadWatch, StreamLimits
from portal_gateway.metrics import EVENT_STREAMS

RETRY_MILLISECONDS = 3000
KEEPALIVE_SECONDS = 15.0
MAX_STREAM_SECONDS = 3600.0  # then the client reconnects
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
EVENT_NAMES = {"ONLINE": "ready", "FAILED": "failed"}


def encode_event(download: Download) -> bytes:
    """Returns one event. Its id is the version, so that a reconnecting client gets it once."""
    name = EVENT_NAMES.get(download.state, "progress") if download.done else "progress"
    data = json.dumps(download_view(download).as_json())
    return format_sse_event(data_str=data, event=name, id=str(download.version))


async def stream_events(
    watch: DownloadWatch, download: Download, *, last_version: int
) -> AsyncGenerator[bytes]:
    """Yields the state and each later state, with comments in between as keep-alive."""
    yield format_sse_event(retry=RETRY_MILLISECONDS)
    started = time.monotonic()
    async with watch.subscribe(download) as subscription:
        while (newest := subscription.newest) is not None:
            if newest.version > last_version:
                last_version = newest.version
                yield encode_event(newest)
            if newest.done or time.monotonic() - started > MAX_STREAM_SECONDS:
                return
            if not await subscription.wait(KEEPALIVE_SECONDS):
                yield KEEPALIVE_COMMENT


class EventStream(EventSourceResponse):
    """A stream of events that counts as long as it is open."""

    def __init__(self, events: AsyncGenerator[bytes], limits: StreamLimits, reader: str) -> None:
        super().__init__(events, headers=HEADERS)
        self._events = events
        self._limits = limits
        self._reader = reader

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._limits.count(self._reader), EVENT_STREAMS.track_inprogress():
            async with contextlib.aclosing(self._events):
                await super().__call__(scope, receive, send)
