"""Patch of SecantusDB that ends the process after a panic.

After an error of the disk that WiredTiger cannot undo (it is full), every call fails until
the process ends. Here the process ends then, so that the launcher starts it again.
"""

import functools
import os
import threading
from collections.abc import Callable
from typing import Any

from secantus.storage import Storage
from typing_extensions import override

PANIC = "WT_PANIC"
PANIC_CHECK_SECONDS = 1.0
EXIT_PANIC = 74  # EX_IOERR of sysexits.h


def is_in_panic(connection: Any) -> bool:
    """Returns whether WiredTiger refuses every call from now on."""
    try:
        connection.open_session().close()
    except Exception as error:  # noqa: BLE001  # the library's own type is private
        return PANIC in str(error)
    return False


class PanicWatch(threading.Thread):
    """Ends the process within PANIC_CHECK_SECONDS after a panic of the storage engine."""

    def __init__(self, connection: Any) -> None:
        super().__init__(name="panic watch", daemon=True)
        self._connection = connection
        self._ended = threading.Event()

    @override
    def run(self) -> None:
        while not self._ended.wait(PANIC_CHECK_SECONDS):
            if is_in_panic(self._connection):
                os._exit(EXIT_PANIC)  # closing the storage would fail as every call does

    def end(self) -> None:
        """Returns when the connection is no longer used."""
        self._ended.set()
        self.join()


def end_on_panic(storage: type[Storage]) -> None:
    """Makes every storage watch for panics, from its construction to its end."""
    init: Callable[..., None] = storage.__init__
    close: Callable[..., None] = storage.close
    watches: dict[Storage, PanicWatch] = {}

    @functools.wraps(init)
    def init_with_watch(self: Storage, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        watches[self] = PanicWatch(getattr(self, "_conn"))  # noqa: B009  # it has no type
        watches[self].start()

    @functools.wraps(close)
    def close_after_watch(self: Storage, *args: Any, **kwargs: Any) -> None:
        if watch := watches.pop(self, None):
            watch.end()
        close(self, *args, **kwargs)

    setattr(storage, "__init__", init_with_watch)  # noqa: B010  # likewise
    setattr(storage, "close", close_after_watch)  # noqa: B010
