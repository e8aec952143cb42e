"""The end of a process: no new work, and what is under way ends or is given back.

It begins with SIGTERM or SIGINT, before the server waits for its connections, or with the end of
the application. Responses that are still being sent after the grace are cut; their readers resume.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

from portal_shared.runtime.logs import logger

log = logger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Drain:
    """Whether the process is ending, and the requests that it still answers."""

    def __init__(self, grace_seconds: float) -> None:
        self._grace = grace_seconds
        self._actions: list[Callable[[], None]] = []
        self._requests: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.has_begun = False
        self.has_cut = False  # responses that took longer than the grace

    def add_action(self, action: Callable[[], None]) -> None:
        """Adds what is done when the end begins; it must not block."""
        self._actions.append(action)

    def begin(self) -> None:
        """Begins the end, once."""
        if self.has_begun:
            return
        self.has_begun = True
        log.info("ending", requests=len(self._requests), seconds=self._grace)
        for action in self._actions:
            action()
        self._timer = asyncio.get_running_loop().call_later(self._grace, self._cut)

    def close(self) -> None:
        """Ends what `begin` started; the process has nothing left to do."""
        if self._timer is not None:
            self._timer.cancel()

    def _cut(self) -> None:
        self.has_cut = True
        for task in self._requests:
            task.cancel()

    def count_requests(self) -> int:
        """Returns how many requests are being answered."""
        return len(self._requests)

    def request(self) -> "OpenRequest":
        """Counts the request that the block answers; after the grace the block ends early."""
        return OpenRequest(self, self._requests)

    @contextmanager
    def signals(self) -> Generator[None]:
        """Begins the end when a signal arrives; the server's own handler is called after that."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in SIGNALS}

        def handle(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.begin)
            handler = before[signal.Signals(number)]
            if callable(handler):
                handler(number, frame)

        are_handled = [number for number, handler in before.items() if callable(handler)]
        for number in are_handled:
            signal.signal(number, handle)
        try:
            yield
        finally:
            for number in are_handled:
                if signal.getsignal(number) is handle:
                    signal.signal(number, before[number])


class OpenRequest:
    """A block that answers a request. It is no generator: every request of a service passes it."""

    __slots__ = ("_drain", "_requests", "_task")

    def __init__(self, drain: Drain, requests: set[asyncio.Task[Any]]) -> None:
        self._drain, self._requests = drain, requests

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a server answers each request in a task
        self._task = task
        self._requests.add(task)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self._requests.discard(self._task)
        is_cut = self._drain.has_cut and isinstance(error, asyncio.CancelledError)
        if is_cut:
            log.info("response cut at the end of the process")
        return is_cut
