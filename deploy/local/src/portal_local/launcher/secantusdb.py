"""Starts SecantusDB like its own command does, with patches for one deadlock and for speed.

Deadlock: an update or delete of many documents locks its collection while it waits, without limit,
for the transaction that has changed one of them. If that transaction needs the collection next, or
its client has died, both wait for ever. mongod does not lock the collection. Here such a write
raises WriteConflict after MAX_RETRY_SECONDS, as with mongod, and the caller repeats it.
`tests/integration/shared/test_local_mongodb.py` fails when this patch is no longer needed.

Indexes: the list of indexes was read and decoded about two dozen times for each written document.
Here it is read once per statement, unless indexes are being changed.

Reads: see `secantusdb_patches.py`. Transactions that nobody ends: see
`secantusdb_transactions.py`.

Panics: after an error of the disk that WiredTiger cannot undo (it is full), every call fails until
the process ends. Here the process ends then, so that the launcher starts it again.

Threads: a computing thread holds the interpreter for a whole switch interval, so a short request
waits many intervals behind a long one. Here the interval is shorter.
"""
# pyright: reportPrivateUsage=false

import functools
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from secantus import cli, storage
from secantus.storage import Storage, WriteConflictError
from typing_extensions import override

from portal_local.launcher import secantusdb_patches, secantusdb_transactions

MAX_RETRY_SECONDS = 5.0
RETRY_PAUSE_SECONDS = 0.01
SWITCH_INTERVAL_SECONDS = 0.0005  # the default of the interpreter is ten times that
STATEMENT_METHODS = (
    "insert",
    "find_matching",
    "count_matching",
    "update_matching",
    "delete_matching",
)
INDEX_CHANGE_METHODS = (
    "create_index",
    "drop_index",
    "drop_all_indexes",
    "drop_collection",
    "drop_database",
)
PANIC = "WT_PANIC"
PANIC_CHECK_SECONDS = 1.0
EXIT_PANIC = 74  # EX_IOERR of sysexits.h
_statement = threading.local()
BULK_WRITE_METHODS = ("_update_chunk", "_delete_chunk")  # they wait while they lock the collection


def limit_retries(chunk: Callable[..., Any]) -> Callable[..., Any]:
    """Replaces the endless retries of `chunk` by retries for MAX_RETRY_SECONDS."""
    once: Callable[..., Any] = chunk.__wrapped__  # type: ignore[attr-defined]

    @functools.wraps(once)
    def bounded(storage: Storage, *args: Any, **kwargs: Any) -> Any:
        end = time.monotonic() + MAX_RETRY_SECONDS
        while True:
            try:
                return once(storage, *args, **kwargs)
            except Exception as error:
                if not _is_write_conflict(error) or _in_transaction(storage):
                    raise
                if time.monotonic() > end:
                    raise WriteConflictError(str(error)) from error
                time.sleep(RETRY_PAUSE_SECONDS)

    return bounded


def _is_write_conflict(error: Exception) -> bool:
    return isinstance(error, WriteConflictError) or storage._is_wt_rollback(error)  # noqa: SLF001


def _in_transaction(storage: Storage) -> bool:
    return getattr(storage._tls, "user_txn", None) is not None  # noqa: SLF001


def with_index_cache(statement: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a statement: during it, the indexes of a collection are read once."""

    @functools.wraps(statement)
    def with_cache(storage: Storage, *args: Any, **kwargs: Any) -> Any:
        if hasattr(_statement, "indexes"):
            return statement(storage, *args, **kwargs)
        _statement.indexes = {}
        try:
            return statement(storage, *args, **kwargs)
        finally:
            del _statement.indexes

    return with_cache


class IndexChanges:
    """Counts changes of indexes: how many have finished and how many are in progress."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.finished = 0
        self.in_progress = 0

    def count(self, change: Callable[..., Any]) -> Callable[..., Any]:
        """Wraps a method that changes indexes: counts its start and its end."""

        @functools.wraps(change)
        def counted(storage: Storage, *args: Any, **kwargs: Any) -> Any:
            with self._lock:
                self.in_progress += 1
            try:
                return change(storage, *args, **kwargs)
            finally:
                with self._lock:
                    self.finished += 1
                    self.in_progress -= 1

        return counted


def cached_indexes(indexes: Callable[..., Any], changes: IndexChanges) -> Callable[..., Any]:
    """Wraps the listing of indexes: uses the cache of the statement while no index changes."""

    @functools.wraps(indexes)
    def from_cache(storage: Storage, db: str, coll: str) -> Any:
        cache = getattr(_statement, "indexes", None)
        if cache is None or changes.in_progress:
            return indexes(storage, db, coll)
        finished = changes.finished
        if cache.get((db, coll), (None,))[0] != finished:
            cache[db, coll] = finished, list(indexes(storage, db, coll))
        return cache[db, coll][1]

    return from_cache


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


def main() -> int:
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    secantusdb_patches.apply(Storage)
    secantusdb_transactions.apply()
    end_on_panic(Storage)
    for name in STATEMENT_METHODS:
        setattr(Storage, name, with_index_cache(getattr(Storage, name)))
    changes = IndexChanges()
    for name in INDEX_CHANGE_METHODS:
        setattr(Storage, name, changes.count(getattr(Storage, name)))
    Storage._iter_indexes = cached_indexes(Storage._iter_indexes, changes)  # noqa: SLF001
    for name in BULK_WRITE_METHODS:
        setattr(Storage, name, limit_retries(getattr(Storage, name)))
    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
