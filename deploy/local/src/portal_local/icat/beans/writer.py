"""Creates, updates and deletes beans, with ICAT's error messages.

ICAT writes first and looks for the reason of a failure afterwards, in the outermost bean only:
errors deeper in a tree are reported as INTERNAL. `strict_nested` reports them by their own type.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from portal_local.icat.beans import database_errors, parameter_checks
from portal_local.icat.beans.decoder import Record
from portal_local.icat.errors import IcatError, invalid
from portal_local.icat.schema.schema import Bean, Field, Schema
from portal_local.icat.schema.store import id_list
from portal_local.icat.schema.values import Value

_ZERO_BY_DEFAULT = {
    "Dataset": ("fileSize", "fileCount"),
    "Investigation": ("fileSize", "fileCount"),
    "Datafile": ("fileSize",),
}


Checks = Mapping[str, Callable[[dict[str, Value]], None]]


@dataclass
class _Refused(Exception):
    """The row of `record` could not be written.

    `message` is how ICAT reports it from inside a tree, `reason` the error of our own checks.
    """

    record: Record
    row: dict[str, Value]
    message: str
    reason: IcatError | None = None


class Writer:
    """Writes beans within the caller's transaction; `checks` by bean may refuse rows."""

    def __init__(self, schema: Schema, checks: Checks, *, strict_nested: bool) -> None:
        self._schema = schema
        self._checks = checks
        self._strict_nested = strict_nested
        self._inserts = {bean.name: _insert(bean) for bean in schema.beans.values()}

    def create(self, connection: sqlite3.Connection, record: Record, user: str) -> int:
        """Creates the bean with its whole tree or, on error, nothing; returns its id."""
        try:
            [number] = self.create_many(connection, [record], user, lambda _bean, _id: None)
        except IcatError as error:
            raise IcatError(error.kind, error.message) from error
        return number

    def create_many(
        self,
        connection: sqlite3.Connection,
        records: list[Record],
        user: str,
        authorize: Callable[[Bean, int], None],
    ) -> list[int]:
        """Creates the beans with their trees or, on error, none; the error has a bean's offset.

        `authorize` is called with each bean that was created. As in ICAT, the reason of an error is
        looked for when nothing is written any more: a look-alike of another bean of the request is
        an INTERNAL error, one with exactly the same key is not.
        """
        ids: list[int] = []
        connection.execute("SAVEPOINT trees")
        try:
            for record in records:
                number = self._insert_tree(connection, record, {}, (user, _now()))
                authorize(record.bean, number)
                ids.append(number)
        except _Refused as refused:
            connection.execute("ROLLBACK TO trees")
            record, earlier = records[len(ids)], records[: len(ids)]
            error = self._explain(connection, record, refused)
            if error.kind == "INTERNAL" and refused.record is record:
                error = _same_key(record, earlier) or error
            raise IcatError(error.kind, error.message, len(ids)) from refused
        except IcatError as error:
            connection.execute("ROLLBACK TO trees")
            raise IcatError(error.kind, error.message, len(ids)) from error
        finally:
            connection.execute("RELEASE trees")
        return ids

    def _insert_tree(
        self,
        connection: sqlite3.Connection,
        record: Record,
        parent: dict[str, Value],
        author: tuple[str, int],
    ) -> int:
        bean = record.bean
        row = _row(record) | parent
        for name in _ZERO_BY_DEFAULT.get(bean.name, ()):
            if row[name] is None:
                row[name] = 0
        self._check(bean, row)
        problem = _unsaved_reference(record, parent)
        if problem is None and bean.is_parameter:
            problem = parameter_checks.applicability_error(record) or parameter_checks.value_error(
                connection, record
            )
        if problem is not None:
            message = f"class org.icatproject.core.IcatException {problem.message}"
            raise _Refused(record, row, message, problem)
        if field := _invalid_field(bean, row):
            message = database_errors.invalid_value(field, row[field.column])
            raise _Refused(record, row, message, _invalid_value(bean, row))
        user, now = author
        values = (user, now, user, now, *row.values())
        try:
            number = connection.execute(self._inserts[bean.name], values).lastrowid or 0
        except sqlite3.IntegrityError as error:
            message = database_errors.refused_row(connection, bean, row, error)
            raise _Refused(record, row, message) from error
        for name, children in record.manys.items():
            inverse = bean.fields[name].inverse
            for child in children:
                self._insert_tree(connection, child, {f"{inverse}_id": number}, author)
        return number

    def _explain(
        self, connection: sqlite3.Connection, outermost: Record, refused: _Refused
    ) -> IcatError:
        if self._strict_nested or refused.record is outermost:
            duplicate = _duplicate(connection, refused.record.bean, refused.row)
            if duplicate is not None:
                return duplicate
            return refused.reason or _internal_error(refused)
        row = _row(outermost)
        first = _duplicate(connection, outermost.bean, row) or _invalid_value(outermost.bean, row)
        return first or _internal_error(refused)

    def _check(self, bean: Bean, row: dict[str, Value]) -> None:
        if bean.name in self._checks:
            self._checks[bean.name](row)

    def require_key(self, record: Record) -> None:
        """Raises INTERNAL, as ICAT does, for an update that unsets a relation of the key."""
        for name in record.bean.key:
            if record.bean.fields[name].relation == "ONE" and name not in record.ones:
                raise IcatError(
                    "INTERNAL",
                    f"VALIDATION org.icatproject.core.IcatException: Attempt to set field {name}"
                    f" of {record.bean.name}:{record.id} to null",
                )

    def changes(self, connection: sqlite3.Connection, record: Record) -> list[Field]:
        """Returns the fields that an update with this record would change."""
        fields = record.bean.written
        columns = ", ".join(f'"{field.column}"' for field in fields)
        stored = connection.execute(
            f'SELECT {columns} FROM "{record.bean.name}" WHERE id = ?',  # noqa: S608
            (existing_id(connection, record),),
        ).fetchone()
        given = _row(record).values()
        return [f for f, old, new in zip(fields, stored, given, strict=True) if old != new]

    def update(self, connection: sqlite3.Connection, record: Record, user: str) -> None:
        """Replaces all attributes and many-to-one relations; missing ones become null."""
        bean, number = record.bean, existing_id(connection, record)
        row = _row(record)
        self._check(bean, row)
        problem = _unsaved_reference(record, {})
        if problem is None and bean.is_parameter:
            problem = parameter_checks.value_error(connection, record)
        problem = problem or _invalid_value(bean, row)
        if problem is not None:
            raise problem
        columns = ", ".join(f'"{name}" = ?' for name in ("modId", "modTime", *row))
        values = (user, _now(), *row.values(), number)
        try:
            connection.execute(f'UPDATE "{bean.name}" SET {columns} WHERE id = ?', values)  # noqa: S608
        except sqlite3.IntegrityError as error:
            message = database_errors.refused_row(connection, bean, row, error)
            raise _internal_error(_Refused(record, row, message)) from error

    def deletions(self, connection: sqlite3.Connection, record: Record) -> dict[str, set[int]]:
        """Returns the ids, by bean name, of the bean and all that is deleted with it."""
        deletions: dict[str, set[int]] = {}
        self._collect_deletions(
            connection, record.bean, {existing_id(connection, record)}, deletions
        )
        return {name: ids for name, ids in deletions.items() if ids}

    def delete(self, connection: sqlite3.Connection, deletions: Mapping[str, set[int]]) -> None:
        connection.execute("PRAGMA defer_foreign_keys=ON")  # the tree may have cycles
        for name, ids in deletions.items():
            connection.execute(
                f'DELETE FROM "{name}" WHERE id IN (SELECT value FROM json_each(?))',  # noqa: S608
                (id_list(ids),),
            )

    def _collect_deletions(
        self,
        connection: sqlite3.Connection,
        bean: Bean,
        ids: Iterable[int],
        deletions: dict[str, set[int]],
    ) -> None:
        known = deletions.setdefault(bean.name, set())
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
            self._collect_deletions(connection, target, [row[0] for row in rows], deletions)


def existing_id(connection: sqlite3.Connection, record: Record) -> int:
    """Returns the record's id. Raises NO_SUCH_OBJECT_FOUND."""
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
    """Returns the values of all columns that a client may set, in their order."""
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


def _invalid_value(bean: Bean, row: dict[str, Value]) -> IcatError | None:
    field = _invalid_field(bean, row)
    if field is None:
        return None
    if row[field.column] is None:
        return invalid(f"{bean.name}: {field.name} cannot be null.")
    return invalid(f"{bean.name}: {field.name} cannot have length > {field.length}")


def _invalid_field(bean: Bean, row: dict[str, Value]) -> Field | None:
    for field in bean.written:
        value = row[field.column]
        if value is None and field.required:
            return field
        if field.length and isinstance(value, str) and len(value) > field.length:
            return field
    return None


def _duplicate(
    connection: sqlite3.Connection, bean: Bean, row: dict[str, Value]
) -> IcatError | None:
    """Returns OBJECT_ALREADY_EXISTS if another bean has the row's unique key."""
    fields = [bean.fields[name] for name in bean.key]
    values = [row[field.column] for field in fields]
    if not fields or None in values:
        return None
    where = " AND ".join(f'"{field.column}" = ?' for field in fields)
    query = f'SELECT 1 FROM "{bean.name}" WHERE {where}'  # noqa: S608
    if connection.execute(query, values).fetchone() is None:
        return None
    return _exists(
        bean,
        [
            f"{f.type}:{v}" if f.relation == "ONE" else v
            for f, v in zip(fields, values, strict=True)
        ],
    )


def _same_key(record: Record, others: list[Record]) -> IcatError | None:
    """Returns OBJECT_ALREADY_EXISTS if one of these records has exactly the record's key."""
    bean = record.bean
    fields = [bean.fields[name] for name in bean.key]
    values = [_cell(record, field) for field in fields]
    twins = (other for other in others if other.bean is bean)
    if not fields or values not in ([_cell(twin, field) for field in fields] for twin in twins):
        return None
    return _exists(
        bean, [f"id:{v}" if f.relation == "ONE" else v for f, v in zip(fields, values, strict=True)]
    )


def _exists(bean: Bean, values: list[Value]) -> IcatError:
    shown = ", ".join(f"{name} = '{v}'" for name, v in zip(bean.key, values, strict=True))
    return IcatError("OBJECT_ALREADY_EXISTS", f"{bean.name} exists with {shown}")


def _internal_error(refused: _Refused) -> IcatError:
    if refused.reason is not None and refused.reason.kind == "INTERNAL":
        return refused.reason
    return IcatError("INTERNAL", refused.message)


def _now() -> int:
    return int(time.time()) * 1000  # the columns have whole seconds
