"""Stores beans in SQLite: one table per bean, many readers, one writer at a time.

Write-ahead log without a sync per commit: committed data survive a kill of the process.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, LifoQueue

from portal_local.icat.schema.collation import compare, like_exactly, like_without_case
from portal_local.icat.schema.schema import Bean, Field, Schema

_TYPES = {"Date": "INTEGER", "Long": "INTEGER", "Integer": "INTEGER", "boolean": "INTEGER"}
_TYPES["Double"] = "REAL"
_COLLATION = "general_ci"
_SESSIONS = """
CREATE TABLE IF NOT EXISTS "-sessions" (id TEXT PRIMARY KEY, user TEXT NOT NULL, ends REAL NOT NULL)
"""


def _upper(text: str | None) -> str | None:
    return None if text is None else str(text).upper()


def _lower(text: str | None) -> str | None:
    return None if text is None else str(text).lower()


class Store:
    def __init__(
        self,
        folder: Path,
        schema: Schema,
        collation: str = "general_ci",
        *,
        count_triggers: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "icat.sqlite"
        self._schema = schema
        self._is_exact = collation == "exact"
        self._lock = threading.Lock()
        self._idle: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._writer = self._connect()
        self._create_tables()
        if count_triggers:
            self._create_count_triggers()

    def close(self) -> None:
        with self._lock:
            self._writer.close()
        with suppress(Empty):
            while True:
                self._idle.get_nowait().close()

    @contextmanager
    def read_transaction(self) -> Generator[sqlite3.Connection]:
        """Opens a transaction that sees one consistent state of the data."""
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = self._connect()
        try:
            connection.execute("BEGIN")
            yield connection
        finally:
            connection.execute("ROLLBACK")
            self._idle.put(connection)

    @contextmanager
    def write_transaction(self) -> Generator[sqlite3.Connection]:
        """Opens the write transaction: committed at the end, rolled back on an exception."""
        with self._lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise

    @contextmanager
    def trial_transaction(self) -> Generator[sqlite3.Connection]:
        """Opens a write transaction that is always rolled back."""
        with self._lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            finally:
                self._writer.execute("ROLLBACK")

    def delete_all(self) -> None:
        """Deletes all beans and sessions; ids are not used again."""
        with self.write_transaction() as connection:
            connection.execute("PRAGMA defer_foreign_keys=ON")
            for table in ("-sessions", *self._schema.beans):
                connection.execute(f'DELETE FROM "{table}"')  # noqa: S608 - names of the schema

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=30,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        like = like_exactly if self._is_exact else like_without_case
        connection.create_function("like", 3, like, deterministic=True)
        if not self._is_exact:
            connection.create_collation(_COLLATION, compare)
        functions: dict[str, Callable[[str | None], str | None]] = {
            "UPPER": _upper,
            "LOWER": _lower,
        }
        for name, function in functions.items():  # SQLite's own know ASCII only
            connection.create_function(name, 1, function, deterministic=True)
        return connection

    def _create_tables(self) -> None:
        with self.write_transaction() as connection:
            connection.execute(_SESSIONS)
            for bean in self._schema.beans.values():
                connection.execute(_table(bean, "" if self._is_exact else f" COLLATE {_COLLATION}"))
                for field in bean.ones:
                    if bean.key[:1] != (field.name,):  # else the index of the unique key serves
                        connection.execute(_index(bean, field))

    def _create_count_triggers(self) -> None:
        """Lets the database count files and bytes of datasets and investigations, as upstream's."""
        with self.write_transaction() as connection:
            for event, rows in _COUNTED_ROWS.items():
                changes = " ".join(_count_changes(sign, row) for sign, row in rows)
                connection.execute(
                    f"CREATE TRIGGER IF NOT EXISTS count_{event} AFTER {event} ON Datafile"
                    f" BEGIN {changes} END"
                )


_COUNTED_ROWS = {  # what a change of a datafile adds and takes away
    "INSERT": (("+", "NEW"),),
    "DELETE": (("-", "OLD"),),
    "UPDATE": (("-", "OLD"), ("+", "NEW")),
}


def _count_changes(sign: str, row: str) -> str:
    counts = (
        f"fileCount = COALESCE(fileCount, 0) {sign} 1,"
        f" fileSize = COALESCE(fileSize, 0) {sign} COALESCE({row}.fileSize, 0)"
    )
    dataset = f"{row}.DATASET_ID"
    investigation = f"(SELECT INVESTIGATION_ID FROM Dataset WHERE id = {dataset})"  # noqa: S608
    return (
        f"UPDATE Dataset SET {counts} WHERE id = {dataset};"  # noqa: S608 - our own names
        f" UPDATE Investigation SET {counts} WHERE id = {investigation};"
    )


def _table(bean: Bean, collate: str) -> str:
    lines = ["id INTEGER PRIMARY KEY AUTOINCREMENT"]
    for field in bean.columns:
        if field.name == "id":
            continue
        kind = "INTEGER" if field.relation == "ONE" else _TYPES.get(field.type, "TEXT")
        line = f'"{field.column}" {kind}{collate if kind == "TEXT" else ""}'
        if field.required:
            line += " NOT NULL"
        if field.relation == "ONE":
            line += f' REFERENCES "{field.type}"(id)'
        lines.append(line)
    if bean.key:
        columns = ", ".join(f'"{bean.fields[name].column}"' for name in bean.key)
        lines.append(f"UNIQUE ({columns})")
    return f'CREATE TABLE IF NOT EXISTS "{bean.name}" ({", ".join(lines)})'


def _index(bean: Bean, field: Field) -> str:
    name = f"{bean.name}.{field.name}"
    return f'CREATE INDEX IF NOT EXISTS "{name}" ON "{bean.name}" ("{field.column}")'


def id_list(ids: Iterable[int]) -> str:
    """Returns ids as one parameter for `IN (SELECT value FROM json_each(?))`."""
    return json.dumps(list(ids))
