"""Patch of one deadlock of SecantusDB.

An update or delete of many documents locks its collection while it waits, without limit,
for the transaction that has changed one of them. If that transaction needs the collection next, or
its client has died, both wait for ever. mongod does not lock the collection. Here such a write
raises WriteConflict after MAX_RETRY_SECONDS, as with mongod, and the caller repeats it.
`tests/integration/shared/test_local_mongodb.py` fails when this patch is no longer needed.
"""
# pyright: reportPrivateUsage=false

import functools
import time
from collections.abc import Callable
from typing import Any

from secantus import storage
from secantus.storage import Storage, WriteConflictError

MAX_RETRY_SECONDS = 5.0
RETRY_PAUSE_SECONDS = 0.01
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


def apply() -> None:
    """Replaces the methods of the storage class."""
    for name in BULK_WRITE_METHODS:
        setattr(Storage, name, limit_retries(getattr(Storage, name)))
