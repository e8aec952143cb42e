"""Patches of SecantusDB that read the list of a collection's indexes less often.

It was read and decoded about two dozen times for each written document. Here it is read once per
statement, unless indexes are being changed.
"""
# pyright: reportPrivateUsage=false

import functools
import threading
from collections.abc import Callable
from typing import Any

from secantus.storage import Storage

from portal_local.launcher.secantusdb.catalogue import IndexList

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
_statement = threading.local()


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
            found = indexes(storage, db, coll)
            cache[db, coll] = finished, found if isinstance(found, list) else IndexList(list(found))
        return cache[db, coll][1]

    return from_cache


def apply() -> None:
    """Replaces the methods of the storage class."""
    for name in STATEMENT_METHODS:
        setattr(Storage, name, with_index_cache(getattr(Storage, name)))
    changes = IndexChanges()
    for name in INDEX_CHANGE_METHODS:
        setattr(Storage, name, changes.count(getattr(Storage, name)))
    Storage._iter_indexes = cached_indexes(Storage._iter_indexes, changes)  # noqa: SLF001
