"""Patches of SecantusDB that end transactions whose client does not end them.

Until then nobody else can write the rows that such a transaction has changed.

1. Expired transactions: every statement waited for the statements of all other transactions to see
   whether these have expired. Here it waits only for a transaction that has.
2. Disconnected clients: the transaction of a client that was killed stayed open for a minute, as in
   mongod. Here it is rolled back when the connection of its last statement ends. A driver repeats a
   transaction whose connection breaks, so nothing that was acknowledged is lost.
"""
# pyright: reportPrivateUsage=false

import functools
import threading
from collections.abc import Callable
from typing import Any

from secantus.server import SecantusDBServer
from secantus.transactions import Transaction, TransactionRegistry, TxnState


def abort_expired(registry: TransactionRegistry) -> int:
    """Rolls back the transactions that were not used during their lifetime; returns how many."""
    oldest_use = registry._time() - registry._lifetime  # noqa: SLF001
    aborted = 0
    for txn in registry._txns.values():  # noqa: SLF001
        if not _has_expired(txn, oldest_use):
            continue
        with txn.mutex:
            if _has_expired(txn, oldest_use):
                registry._rollback_quietly(txn)  # noqa: SLF001
                txn.state = TxnState.ABORTED
                aborted += 1
    return aborted


def _has_expired(txn: Transaction, oldest_use: float) -> bool:
    return txn.state is TxnState.IN_PROGRESS and txn.last_use < oldest_use


class LastConnections:
    """The connection of the last statement of each session's transaction.

    A connection is known by its thread: the server has one for each.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread_by_session: dict[bytes, int] = {}

    def record(self, for_statement: Callable[..., Any]) -> Callable[..., Any]:
        """Wraps the start of a statement in a transaction."""

        @functools.wraps(for_statement)
        def recorded(
            registry: TransactionRegistry, session: bytes, *args: Any, **kwargs: Any
        ) -> Any:
            with self._lock:
                self._thread_by_session[session] = threading.get_ident()
            return for_statement(registry, session, *args, **kwargs)

        return recorded

    def abort_at_end(self, handle_client: Callable[..., None]) -> Callable[..., None]:
        """Wraps the life of a connection: at its end, its open transactions are rolled back."""

        @functools.wraps(handle_client)
        def handle(server: SecantusDBServer, *args: Any) -> None:
            try:
                handle_client(server, *args)
            finally:
                for session in self._remove(threading.get_ident()):
                    server.transactions.abort_for_session(session)

        return handle

    def _remove(self, thread: int) -> list[bytes]:
        """Removes a connection and returns the sessions that used it last."""
        with self._lock:
            sessions = [s for s, last in self._thread_by_session.items() if last == thread]
            for session in sessions:
                del self._thread_by_session[session]
        return sessions


def apply() -> None:
    """Replaces the methods of the server and of its registry of transactions."""
    connections = LastConnections()
    registry, server = TransactionRegistry, SecantusDBServer
    registry._prune_locked = abort_expired  # type: ignore[method-assign]  # noqa: SLF001
    registry.for_statement = connections.record(registry.for_statement)
    server._handle_client = connections.abort_at_end(server._handle_client)  # noqa: SLF001
