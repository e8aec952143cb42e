"""SecantusDB as its own command starts it, but for one wait that could last for ever.

An update or delete of many documents holds its collection while it waits for the transaction that
has one of them, without end; where that transaction needs the collection next, or its client has
died and another one needs it, nothing moves again. mongod holds no collection. Here such a write
gives up after a while, as mongod's drivers may be told to expect (WriteConflict), and is repeated
by who asked for it. `tests/integration/shared/test_local_mongodb.py` notices when it is not needed.

Every statement of a transaction waits for those of all others, to see whether they are too old:
here only for one that is. What indexes there are is read and decoded two dozen times for each
document that is written: here once for each statement, unless they are being changed.

Conditions joined by `$and` or `$or` made it read a whole collection, also beside others for which
there is an index, and it adds an `$and` itself wherever it finds and modifies a document. One that
is asked for was found by reading all that have the same entry in an index. `index_reads.py` mends
both.

Its threads share one interpreter and give it away at every call of the storage engine; one that
computes keeps it for a whole turn, so that short requests wait a dozen turns behind a long one. Its
turns are made short.
"""
# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportMissingTypeStubs=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import functools
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from secantus import cli, storage
from secantus.storage import Storage, WriteConflictError
from secantus.transactions import Transaction, TransactionRegistry, TxnState

from portal_local.launcher import secantusdb_patches

PATIENCE_SECONDS = 5.0
PAUSE_SECONDS = 0.01
TURN_SECONDS = 0.0005  # the interpreter's own is ten times that
STATEMENTS = ("insert", "find_matching", "count_matching", "update_matching", "delete_matching")
CHANGES = ("create_index", "drop_index", "drop_all_indexes", "drop_collection", "drop_database")
_STATEMENT = threading.local()
MANY = ("_update_chunk", "_delete_chunk")  # what waits with the collection held


def give_up_in_the_end(chunk: Callable[..., Any]) -> Callable[..., Any]:
    """`chunk` as it is without its own repeating, repeated as long as we have patience."""
    once: Callable[..., Any] = chunk.__wrapped__  # type: ignore[attr-defined]

    @functools.wraps(once)
    def bounded(there: Storage, *args: Any, **kwargs: Any) -> Any:
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return once(there, *args, **kwargs)
            except Exception as error:
                if not _met_another(error) or _in_transaction(there):
                    raise
                if time.monotonic() > end:
                    raise WriteConflictError(str(error)) from error
                time.sleep(PAUSE_SECONDS)

    return bounded


def _met_another(error: Exception) -> bool:
    return isinstance(error, WriteConflictError) or storage._is_wt_rollback(error)  # noqa: SLF001


def _in_transaction(there: Storage) -> bool:
    return getattr(there._tls, "user_txn", None) is not None  # noqa: SLF001


def remembering(statement: Callable[..., Any]) -> Callable[..., Any]:
    """`statement`, during which the indexes of a collection are read once."""

    @functools.wraps(statement)
    def remembers(there: Storage, *args: Any, **kwargs: Any) -> Any:
        if hasattr(_STATEMENT, "indexes"):
            return statement(there, *args, **kwargs)
        _STATEMENT.indexes = {}
        try:
            return statement(there, *args, **kwargs)
        finally:
            del _STATEMENT.indexes

    return remembers


class Changes:
    """Of indexes: how many have ended, and how many are under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.ended = 0
        self.under_way = 0

    def counting(self, change: Callable[..., Any]) -> Callable[..., Any]:
        """`change`, of whose beginning and end all statements know."""

        @functools.wraps(change)
        def counted(there: Storage, *args: Any, **kwargs: Any) -> Any:
            with self._lock:
                self.under_way += 1
            try:
                return change(there, *args, **kwargs)
            finally:
                with self._lock:
                    self.ended += 1
                    self.under_way -= 1

        return counted


def remembered(indexes: Callable[..., Any], changes: Changes) -> Callable[..., Any]:
    """`indexes` of a collection, read once in a statement that remembers them."""

    @functools.wraps(indexes)
    def told(there: Storage, db: str, coll: str) -> Any:
        known = getattr(_STATEMENT, "indexes", None)
        if known is None or changes.under_way:
            return indexes(there, db, coll)
        ended = changes.ended
        if known.get((db, coll), (None,))[0] != ended:
            known[db, coll] = ended, list(indexes(there, db, coll))
        return known[db, coll][1]

    return told


def end_those_left(there: TransactionRegistry) -> int:
    """Roll back the transactions that nobody has used for too long; how many."""
    too_old = there._time() - there._lifetime  # noqa: SLF001
    ended = 0
    for txn in there._txns.values():  # noqa: SLF001
        if not _is_left(txn, too_old):
            continue
        with txn.mutex:
            if _is_left(txn, too_old):
                there._rollback_quietly(txn)  # noqa: SLF001
                txn.state = TxnState.ABORTED
                ended += 1
    return ended


def _is_left(txn: Transaction, too_old: float) -> bool:
    return txn.state is TxnState.IN_PROGRESS and txn.last_use < too_old


def main() -> int:
    sys.setswitchinterval(TURN_SECONDS)
    secantusdb_patches.mend(Storage)
    for name in STATEMENTS:
        setattr(Storage, name, remembering(getattr(Storage, name)))
    changes = Changes()
    for name in CHANGES:
        setattr(Storage, name, changes.counting(getattr(Storage, name)))
    Storage._iter_indexes = remembered(Storage._iter_indexes, changes)  # noqa: SLF001
    TransactionRegistry._prune_locked = end_those_left  # type: ignore[method-assign]  # noqa: SLF001
    for name in MANY:
        setattr(Storage, name, give_up_in_the_end(getattr(Storage, name)))
    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
