"""Server-sent events of a download: its state after each change, until it has ended."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from weakref import WeakValueDictionary

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from portal_gateway.downloads.download import Download
from portal_gateway.downloads.views import download_view

RETRY_MILLISECONDS = 3000
KEEPALIVE_SECONDS = 15.0
POLL_SECONDS = 1.0
MAX_STREAM_SECONDS = 3600.0  # then the client reconnects
EVENT_NAMES = {"ONLINE": "ready", "FAILED": "failed"}


class ChangeSignals:
    """Wakes event streams when this process has stored a change of their download."""

    def __init__(self) -> None:
        self._events: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()

    def set(self, request_id: str) -> None:
        event = self._events.pop(request_id, None)
        if event is not None:
            event.set()

    async def wait(self, request_id: str, seconds: float) -> None:
        """Waits for a change, but not longer: another replica may have stored it."""
        event = self._events.get(request_id) or asyncio.Event()
        self._events[request_id] = event
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()


def encode_event(download: Download) -> bytes:
    """Returns one event. Its id is the version, so that a reconnecting client gets it once."""
    name = EVENT_NAMES.get(download.state, "progress") if download.done else "progress"
    data = json.dumps(download_view(download))
    return format_sse_event(data_str=data, event=name, id=str(download.version))


async def stream_events(
    load: Callable[[str], Awaitable[Download]],
    signals: ChangeSignals,
    download: Download,
    *,
    last_version: int,
) -> AsyncGenerator[bytes]:
    """Yields the state and each later state, with comments in between as keep-alive."""
    yield format_sse_event(retry=RETRY_MILLISECONDS)
    started = last_sent = time.monotonic()
    while True:
        now = time.monotonic()
        if download.version > last_version:
            last_version, last_sent = download.version, now
            yield encode_event(download)
        elif now - last_sent > KEEPALIVE_SECONDS:
            last_sent = now
            yield KEEPALIVE_COMMENT
        if download.done or now - started > MAX_STREAM_SECONDS:
            return
        await signals.wait(download.id, POLL_SECONDS)
        download = await load(download.id)
