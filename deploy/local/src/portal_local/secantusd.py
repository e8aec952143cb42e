"""SecantusDB as its own command starts it, but for one wait that could last for ever.

An update or delete of many documents holds its collection while it waits for the transaction that
has one of them, without end; where that transaction needs the collection next, or its client has
died and another one needs it, nothing moves again. mongod holds no collection. Here such a write
gives up after a while, as mongod's drivers may be told to expect (WriteConflict), and is repeated
by who asked for it. `tests/integration/shared/test_local_mongodb.py` notices when it is not needed.

Its threads share one interpreter and give it away at every call of the storage engine; one that
computes keeps it for a whole turn, so that short requests wait a dozen turns behind a long one. Its
turns are made short.
"""
# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportMissingTypeStubs=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import functools
import sys
import time
from collections.abc import Callable
from typing import Any

from secantus import cli, storage
from secantus.storage import Storage, WriteConflictError

PATIENCE_SECONDS = 5.0
PAUSE_SECONDS = 0.01
TURN_SECONDS = 0.0005  # the interpreter's own is ten times that
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


def main() -> int:
    sys.setswitchinterval(TURN_SECONDS)
    for name in MANY:
        setattr(Storage, name, give_up_in_the_end(getattr(Storage, name)))
    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
