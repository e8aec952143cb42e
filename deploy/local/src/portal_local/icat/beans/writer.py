"""Creating, updating and deleting beans, with ICAT's way of saying why the database refused.

ICAT asks the database first and looks for the reason afterwards, of the outermost bean only: what
is wrong deeper in a tree arrives as INTERNAL. `strict_nested` says the true reason at any depth.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from portal_local.icat.beans import parameter_checks
from portal_local.icat.beans.decoder import Record
from portal_local.icat.errors import IcatError, invalid
from portal_local.icat.schema.schema import Bean, Field, Schema
from portal_local.icat.schema.store import id_list
from portal_local.icat.schema.values import Value

_ZERO = {
    "Dataset": ("fileSize", "fileCount"),
    "Investigation": ("fileSize", "fileCount"),
    "Datafile": ("fileSize",),
}


Checks = Mapping[str, Callable[[dict[str, Value]], None]]


@dataclass
class _Refused(Exception):
    """The row of `record` could not be written; `why` is set if our own rules said so."""

    record: Record
    row: dict[str, Value]
    message: str
    why: IcatError | None = None


class Writer:
    """Works on a connection whose transaction is the caller's; `checks` may refuse rows by bean."""

    def __init__(self, schema: Schema, checks: Checks, *, strict_nested: bool) -> None:
        self._schema = schema
        self._checks = checks
        self._strict_nested = strict_nested
        self._inserts = {bean.name: _insert(bean) for bean in schema.beans.values()}

    def create(self, connection: sqlite3.Connection, record: Record, user: str) -> int:
        """The id of the new bean; its whole tree is there, or an error and nothing of it."""
        connection.execute("SAVEPOINT tree")
        try:
            number = self._insert_tree(connection, record, {}, (user, _now()))
        except _Refused as refused:
            connection.execute("ROLLBACK TO tree")
            raise self._reason(connection, record, refused) from refused
        finally:
            connection.execute("RELEASE tree")
        return number

    def _insert_tree(
        self,
        connection: sqlite3.Connection,
        record: Record,
        parent: dict[str, Value],
        author: tuple[str, int],
    ) -> int:
        bean = record.bean
        row = _row(record) | parent
        for name in _ZERO.get(bean.name, ()):
            if row[name] is None:
                row[name] = 0
        self._check(bean, row)
        problem = _unsaved_reference(record, parent)
        if problem is None and bean.is_parameter:
            problem = parameter_checks.applicable(record) or parameter_checks.permitted(
                connection, record
            )
        problem = problem or _defect(bean, row)
        if problem is not None:
            raise _Refused(record, row, problem.message, problem)
        user, now = author
        values = (user, now, user, now, *row.values())
        try:
            number = connection.execute(self._inserts[bean.name], values).lastrowid or 0
        except sqlite3.IntegrityError as error:
            raise _Refused(record, row, str(error)) from error
        for name, children in record.manys.items():
            inverse = bean.fields[name].inverse
            for child in children:
                self._insert_tree(connection, child, {f"{inverse}_id": number}, author)
        return number

    def _reason(
        self, connection: sqlite3.Connection, outermost: Record, refused: _Refused
    ) -> IcatError:
        if self._strict_nested or refused.record is outermost:
            taken = _taken(connection, refused.record.bean, refused.row)
            if taken is not None:
                return taken
            return refused.why or _unexpected(refused)
        row = _row(outermost)
        first = _taken(connection, outermost.bean, row) or _defect(outermost.bean, row)
        return first or _unexpected(refused)

    def _check(self, bean: Bean, row: dict[str, Value]) -> None:
        if bean.name in self._checks:
            self._checks[bean.name](row)

    def changes(self, connection: sqlite3.Connection, record: Record) -> list[Field]:
        """The fields that an update with this record would change."""
        fields = record.bean.written
        columns = ", ".join(f'"{field.column}"' for field in fields)
        stored = connection.execute(
            f'SELECT {columns} FROM "{record.bean.name}" WHERE id = ?',  # noqa: S608
            (existing(connection, record),),
        ).fetchone()
        given = _row(record).values()
        return [f for f, old, new in zip(fields, stored, given, strict=True) if old != new]

    def update(self, connection: sqlite3.Connection, record: Record, user: str) -> None:
        """Replaces every attribute and many-to-one; what is not given becomes null."""
        bean, number = record.bean, existing(connection, record)
        row = _row(record)
        self._check(bean, row)
        problem = _unsaved_reference(record, {})
        if problem is None and bean.is_parameter:
            problem = parameter_checks.permitted(connection, record)
        problem = problem or _defect(bean, row)
        if problem is not None:
            raise problem
        columns = ", ".join(f'"{name}" = ?' for name in ("modId", "modTime", *row))
        values = (user, _now(), *row.values(), number)
        try:
            connection.execute(f'UPDATE "{bean.name}" SET {columns} WHERE id = ?', values)  # noqa: S608
        except sqlite3.IntegrityError as error:
            raise _unexpected(_Refused(record, row, str(error))) from error

    def doomed(self, connection: sqlite3.Connection, record: Record) -> dict[str, set[int]]:
        """What deleting it would delete: the bean and all on its one-to-many fields, deeply."""
        doomed: dict[str, set[int]] = {}
        self._condemn(connection, record.bean, {existing(connection, record)}, doomed)
        return {name: ids for name, ids in doomed.items() if ids}

    def delete(self, connection: sqlite3.Connection, doomed: Mapping[str, set[int]]) -> None:
        connection.execute("PRAGMA defer_foreign_keys=ON")  # the tree may have circles
        for name, ids in doomed.items():
            connection.execute(
                f'DELETE FROM "{name}" WHERE id IN (SELECT value FROM json_each(?))',  # noqa: S608
                (id_list(ids),),
            )

    def _condemn(
        self,
        connection: sqlite3.Connection,
        bean: Bean,
        ids: Iterable[int],
        doomed: dict[str, set[int]],
    ) -> None:
        known = doomed.setdefault(bean.name, set())
        fresh = set(ids) - known
        if not fresh:
            return
        known |= fresh
        for field in bean.manys:
            target = self._schema.beans[field.type]
            column = target.fields[field.inverse].column
            rows = connection.execute(
                f'SELECT id FROM "{target.name}"'  # noqa: S608
                f' WHERE "{column}" IN (SELECT value FROM json_each(?))',
                (id_list(fresh),),
            )
            self._condemn(connection, target, [row[0] for row in rows], doomed)


def existing(connection: sqlite3.Connection, record: Record) -> int:
    """The record's id, if there is such a bean."""
    bean = record.bean
    if record.id is None:
        raise IcatError("NO_SUCH_OBJECT_FOUND", f"{bean.name} has null primary key.")
    query = f'SELECT 1 FROM "{bean.name}" WHERE id = ?'  # noqa: S608
    if connection.execute(query, (record.id,)).fetchone() is None:
        raise IcatError("NO_SUCH_OBJECT_FOUND", f"{bean.name}[id:{record.id}] not found.")
    return record.id


def _insert(bean: Bean) -> str:
    names = ["createId", "createTime", "modId", "modTime", *(f.column for f in bean.written)]
    columns = ", ".join(f'"{name}"' for name in names)
    marks = ", ".join("?" for _ in names)
    return f'INSERT INTO "{bean.name}" ({columns}) VALUES ({marks})'  # noqa: S608


def _row(record: Record) -> dict[str, Value]:
    """What the record puts into each column a client may set, in their order."""
    return {field.column: _cell(record, field) for field in record.bean.written}


def _cell(record: Record, field: Field) -> Value:
    if field.relation == "ONE":
        one = record.ones.get(field.name)
        return None if one is None else one.id
    value = record.values.get(field.name)
    return 0 if value is None and field.type == "boolean" else value


def _unsaved_reference(record: Record, parent: dict[str, Value]) -> IcatError | None:
    for name, one in record.ones.items():
        if one.id is None and f"{name}_id" not in parent:
            return IcatError(
                "INTERNAL",
                "Unexpected DB response class java.lang.IllegalStateException"
                f" {record.bean.name}: {name} refers to a {one.bean.name} that was never created",
            )
    return None


def _defect(bean: Bean, row: dict[str, Value]) -> IcatError | None:
    for field in bean.written:
        value = row[field.column]
        if value is None and field.required:
            return invalid(f"{bean.name}: {field.name} cannot be null.")
        if field.length and isinstance(value, str) and len(value) > field.length:
            return invalid(f"{bean.name}: {field.name} cannot have length > {field.length}")
    return None


def _taken(connection: sqlite3.Connection, bean: Bean, row: dict[str, Value]) -> IcatError | None:
    """OBJECT_ALREADY_EXISTS if another bean has the row's unique key."""
    fields = [bean.fields[name] for name in bean.key]
    values = [row[field.column] for field in fields]
    if not fields or None in values:
        return None
    where = " AND ".join(f'"{field.column}" = ?' for field in fields)
    query = f'SELECT 1 FROM "{bean.name}" WHERE {where}'  # noqa: S608
    if connection.execute(query, values).fetchone() is None:
        return None
    shown = ", ".join(
        f"{field.name} = '{'id:' if field.relation == 'ONE' else ''}{value}'"
        for field, value in zip(fields, values, strict=True)
    )
    return IcatError("OBJECT_ALREADY_EXISTS", f"{bean.name} exists with {shown}")


def _unexpected(refused: _Refused) -> IcatError:
    if refused.why is not None and refused.why.kind == "INTERNAL":
        return refused.why
    if refused.why is not None and refused.record.bean.is_parameter:
        return IcatError("INTERNAL", f"class org.icatproject.core.IcatException {refused.message}")
    return IcatError(
        "INTERNAL",
        f"Unexpected DB response class jakarta.persistence.PersistenceException {refused.message}",
    )


def _now() -> int:
    return time.time_ns() // 1_000_000
