"""Patches that keep SecantusDB's catalogue in memory: options of collections, lists of indexes.

Each statement looked up and decoded the options of its collection two to four times, the list of
its indexes once, and the profiler's settings: two thirds of the calls of the storage engine that
an update makes. Here the latest committed catalogue is in memory until somebody changes it.

What a statement may see is the difficulty, as indexes change while others read and write. A change
is seen where it is made, at the cursors of the tables of the catalogue. From its first write until
its transaction has ended, and in the transaction itself, all read from the tables, as before. A
`version` counts the starts and ends of changes. What was read is valid for one version:

- a statement that is not in a transaction takes what is valid now. The original would read the
  table now, and holds the lock that changes of indexes take, too.
- a transaction, and the write of a statement, which is one, too, sees a snapshot. It notes the
  version before its snapshot is made, and after; if both are the same, it takes only what is valid
  for this version, and else reads the tables.
"""
# pyright: reportPrivateUsage=false, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import contextlib
import functools
import threading
from collections.abc import Callable, Generator, Mapping
from typing import Any

from secantus import storage
from secantus.storage import Storage

from portal_local.launcher.secantusdb.updates import copied

TABLES = frozenset((storage._COLL_TABLE, storage._IDX_TABLE, storage._PROFILE_TABLE))  # noqa: SLF001
MAX_ENTRIES = 20_000
MISSED = object()  # in place of what was requested once
Key = tuple[str, ...]
Entries = dict[Key, Any]


class IndexList(list[tuple[str, dict[str, Any], dict[str, Any]]]):
    """The indexes of a collection as they are stored, and what is derived from them."""

    def __init__(self, rows: list[tuple[str, dict[str, Any], dict[str, Any]]]) -> None:
        super().__init__(rows)
        self.all = [(n, key, bool(o.get("sparse")), bool(o.get("unique"))) for n, key, o in rows]
        self.options = {name: dict(options) for name, _, options in rows}
        partial = "partialFilterExpression"
        self.partials = {
            name: dict(options[partial])
            for name, _, options in rows
            if isinstance(options.get(partial), Mapping) and options[partial]
        }


class Scope:
    """A transaction of the engine; `version` is None if it must read the tables."""

    version: int | None = None
    has_changed = False


class Catalogue:
    """What is in memory of the catalogue of one storage."""

    def __init__(self, owner: Storage) -> None:
        self._owner = owner
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._version = 0
        self._changes = 0  # in progress
        self._valid: tuple[int, Entries] = (0, {})
        self._thread = threading.local()
        self._session: Any = None
        self._cursors: dict[Any, Any] = {}
        self.scopes: dict[int, Scope] = {}  # of transactions of clients, by the id of their handle

    def current_scope(self) -> Scope | None:
        """Returns the transaction that this thread is in."""
        handle = getattr(self._owner._tls, "user_txn", None)  # noqa: SLF001
        if handle is not None:
            return self.scopes.get(id(handle)) or Scope()
        return getattr(self._thread, "scope", None)

    def start_change(self) -> Scope | None:
        """Notes a write to the catalogue. Returns the scope that ends the change, if any."""
        scope = self.current_scope()
        with self._lock:
            self._version += 1
            if scope is None or not scope.has_changed:
                self._changes += 1
            if scope is not None:
                scope.version, scope.has_changed = None, True
        return scope

    def end_change(self) -> None:
        with self._lock:
            self._version += 1
            self._changes -= 1

    def stable_version(self) -> int | None:
        """Returns the version, or None while the catalogue is being changed."""
        with self._lock:
            return None if self._changes else self._version

    def note_snapshot(self, scope: Scope, before: int | None) -> None:
        """Reads a row, with which the engine makes the snapshot, and notes what it contains."""
        if before is None:
            return
        cursor = self._owner._cursor(storage._COLL_TABLE)  # noqa: SLF001
        cursor.set_key("", "")
        cursor.search()
        if self.stable_version() == before:
            scope.version = before

    @contextlib.contextmanager
    def batch(self, begin: Callable[[], Any]) -> Generator[Any]:
        """Does the write of a statement: `begin` is its transaction."""
        scope = Scope()
        before = self.stable_version()
        self._thread.scope = scope
        try:
            with begin() as session:
                self.note_snapshot(scope, before)
                yield session
        finally:
            self._thread.scope = None
            self.end(scope)

    def end(self, scope: Scope | None) -> None:
        if scope is not None and scope.has_changed:
            self.end_change()

    def find(self, key: Key, load: Callable[[], Any]) -> tuple[bool, Any]:
        """Returns whether the value of a key may be taken from memory, and the value.

        `load` reads it from the tables, in this thread.
        """
        scope = self.current_scope()
        version = self.stable_version() if scope is None else scope.version
        if version is None:
            return False, None
        valid, entries = self._valid
        if valid == version and key in entries and entries[key] is not MISSED:
            return True, entries[key]
        return self._load(key, version, load)

    def _load(self, key: Key, version: int, load: Callable[[], Any]) -> tuple[bool, Any]:
        """Reads the latest committed value at the second request for it in this version.

        Returns at once if another thread is loading: this may hold a lock that the other needs.
        """
        if not self._loading.acquire(blocking=False):
            return False, None
        try:
            if self.stable_version() != version:
                return False, None
            if self._valid[0] != version or len(self._valid[1]) >= MAX_ENTRIES:
                self._valid = version, {}
            entries = self._valid[1]
            if key not in entries:  # it may be changed again at once
                entries[key] = MISSED
                return False, None
            with self._own_session():
                value = load()
            if self.stable_version() != version:
                return False, None
            entries[key] = value
            return True, value
        finally:
            self._loading.release()

    @contextlib.contextmanager
    def _own_session(self) -> Generator[None]:
        """Lets this thread read what is committed; as `_committed_read_scope`, which opens more."""
        owner, thread = self._owner, self._owner._tls  # noqa: SLF001
        if self._session is None:
            with owner._lock:  # noqa: SLF001
                if owner._closed:  # noqa: SLF001
                    raise RuntimeError("Storage is closed")
                self._session = owner._conn.open_session()  # noqa: SLF001
                owner._all_sessions.append(self._session)  # noqa: SLF001  # it is closed with them
        names = ("session", "cursors", "user_txn")
        before = [getattr(thread, name, None) for name in names]
        thread.session, thread.cursors, thread.user_txn = self._session, self._cursors, None
        try:
            yield
        finally:
            for name, value in zip(names, before, strict=True):
                setattr(thread, name, value)
            self._session.reset()  # it would hold on to what it has read


def watch_cursors(cursor_of: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps the choice of a cursor: writes by those of the catalogue are noted."""

    @functools.wraps(cursor_of)
    def watched_cursor(self: Storage, table: str, **more: Any) -> Any:
        cursor = cursor_of(self, table, **more)
        if table in TABLES and "insert" not in vars(cursor):
            for name in ("insert", "update", "remove"):
                setattr(cursor, name, noting_change(of(self), getattr(cursor, name)))
        return cursor

    return watched_cursor


def noting_change(catalogue: Catalogue, write: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps the write of a cursor."""

    def noted(*args: Any) -> Any:
        scope = catalogue.start_change()
        try:
            return write(*args)
        finally:
            if scope is None:
                catalogue.end_change()

    return noted


def scoped_batch(batch: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps the transaction of a statement."""

    @functools.wraps(batch)
    def scoped(self: Storage, **more: Any) -> Any:
        if getattr(self._tls, "user_txn", None) is not None:
            return batch(self, **more)
        return of(self).batch(functools.partial(batch, self, **more))

    return scoped


def scoped_statement(use: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a statement in the transaction of a client."""

    @functools.wraps(use)
    @contextlib.contextmanager
    def scoped(self: Storage, handle: Any) -> Generator[None]:
        catalogue = of(self)
        if handle.began:
            with use(self, handle):
                yield
            return
        scope = catalogue.scopes[id(handle)] = Scope()
        before = catalogue.stable_version()
        with use(self, handle):
            catalogue.note_snapshot(scope, before)
            yield

    return scoped


def scoped_end(close: Callable[..., None]) -> Callable[..., None]:
    """Wraps the end of the transaction of a client, after commit or rollback."""

    @functools.wraps(close)
    def closed(self: Storage, handle: Any) -> None:
        close(self, handle)
        catalogue = of(self)
        catalogue.end(catalogue.scopes.pop(id(handle), None))

    return closed


def from_memory(
    read: Callable[..., Any], made: Callable[[Any], Any] = lambda value: value
) -> Callable[..., Any]:
    """Wraps a method that reads from the catalogue; `made` makes the value of the cache from it."""

    @functools.wraps(read)
    def found(self: Storage, *names: str) -> Any:
        key = (read.__name__, *names)
        is_valid, value = of(self).find(key, lambda: made(read(self, *names)))
        return value if is_valid else read(self, *names)

    return found


def copied_from_memory(read: Callable[..., Any]) -> Callable[..., Any]:
    """Likewise, for a document that the caller may change."""
    found = from_memory(read)

    @functools.wraps(read)
    def copy(self: Storage, *names: str) -> Any:
        return copied(found(self, *names))

    return copy


def ensured_from_memory(ensure: Callable[..., None]) -> Callable[..., None]:
    """Wraps the creation of a collection: does nothing for those in memory."""

    @functools.wraps(ensure)
    def ensured(self: Storage, db: str, coll: str) -> None:
        if self._coll_options(db, coll) is None:
            ensure(self, db, coll)

    return ensured


def derived(read: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Wraps a method that derives something from the list of indexes."""

    @functools.wraps(read)
    def found(self: Storage, db: str, coll: str) -> Any:
        indexes = self._iter_indexes(db, coll)
        return getattr(indexes, name) if isinstance(indexes, IndexList) else read(self, db, coll)

    return found


def of(owner: Storage) -> Catalogue:
    """Returns the catalogue of a storage."""
    catalogue: Catalogue = vars(owner)["portal_catalogue"]
    return catalogue


def with_catalogue(init: Callable[..., None]) -> Callable[..., None]:
    """Wraps the construction of a storage."""

    @functools.wraps(init)
    def constructed(self: Storage, *args: Any, **more: Any) -> None:
        vars(self)["portal_catalogue"] = Catalogue(self)
        init(self, *args, **more)

    return constructed


def apply(owner: Any = Storage) -> None:
    """Replaces the methods of the storage class."""

    def listed(read: Callable[..., Any]) -> Callable[..., Any]:
        return from_memory(read, lambda rows: IndexList(list(rows)))

    wrappers: dict[str, Callable[..., Any]] = {
        "__init__": with_catalogue,
        "_cursor": watch_cursors,
        "_batch_transaction": scoped_batch,
        "use_user_transaction": scoped_statement,
        "_close_user_txn_session": scoped_end,
        "_coll_options": copied_from_memory,
        "get_collection_options": copied_from_memory,
        "get_profile": copied_from_memory,
        "_ensure_collection": ensured_from_memory,
        "_iter_indexes": listed,
        "_all_indexes": functools.partial(derived, name="all"),
        "_partial_filters": functools.partial(derived, name="partials"),
        "_index_options_map": functools.partial(derived, name="options"),
    }
    for method, wrapper in wrappers.items():
        setattr(owner, method, wrapper(getattr(owner, method)))
