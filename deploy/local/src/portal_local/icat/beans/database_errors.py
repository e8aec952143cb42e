"""Messages of ICAT's database (MariaDB behind EclipseLink), which ICAT passes on as INTERNAL."""

import sqlite3

from portal_local.icat.schema.schema import Bean, Field
from portal_local.icat.schema.values import Value

_UNEXPECTED = (
    "Unexpected DB response class jakarta.persistence.PersistenceException Exception"
    " [EclipseLink-4002] (Eclipse Persistence Services):"
    " org.eclipse.persistence.exceptions.DatabaseException\nInternal Exception:"
)
_VIOLATION = "java.sql.SQLIntegrityConstraintViolationException:"
_COLUMNS = {"stringValue": "STRING_VALUE"}
_STATEMENT = "\nCall: INSERT INTO DATASET (NAME) VALUES (?)\n\tbind => [1 parameter bound]"
LOCK_WAIT = (
    f"{_UNEXPECTED} com.mysql.cj.jdbc.exceptions.MySQLTransactionRollbackException:"
    f" Lock wait timeout exceeded; try restarting transaction\nError Code: 1205{_STATEMENT}"
)


def invalid_value(field: Field, value: Value) -> str:
    """Returns the message for a value that is null or too long."""
    column = _COLUMNS.get(field.column, field.column.upper())
    if value is None:
        return f"{_UNEXPECTED} {_VIOLATION} Column '{column}' cannot be null\nError Code: 1048"
    return (
        f"{_UNEXPECTED} com.mysql.cj.jdbc.exceptions.MysqlDataTruncation: Data truncation:"
        f" Data too long for column '{column}' at row 1\nError Code: 1406"
    )


def refused_row(
    connection: sqlite3.Connection,
    bean: Bean,
    row: dict[str, Value],
    error: sqlite3.IntegrityError,
) -> str:
    """Returns the message for a row that a unique key or a reference forbids."""
    if error.sqlite_errorname == "SQLITE_CONSTRAINT_UNIQUE":
        key = "-".join(str(row[bean.fields[name].column]) for name in bean.key)
        return (
            f"{_UNEXPECTED} {_VIOLATION} Duplicate entry '{key}' for key"
            f" 'UNQ_{bean.name.upper()}_0'\nError Code: 1062"
        )
    for field in bean.ones:
        number = row[field.column]
        query = f'SELECT 1 FROM "{field.type}" WHERE id = ?'  # noqa: S608 - names of the schema
        if number is not None and connection.execute(query, (number,)).fetchone() is None:
            return (
                "Unexpected DB response class java.lang.IllegalStateException During"
                " synchronization a new object was found through a relationship that was not"
                f" marked cascade PERSIST: {field.type}:{number}."
            )
    return f"{_UNEXPECTED} {error}"
