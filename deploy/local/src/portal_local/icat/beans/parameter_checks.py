"""Checks parameters against their type as the client sent it, as ICAT does."""

import sqlite3

from portal_local.icat.beans.decoder import Record
from portal_local.icat.errors import IcatError, invalid
from portal_local.icat.schema.values import Value


def applicability_error(record: Record) -> IcatError | None:
    """Returns an error if the parameter has no type, or one not applicable to its parent."""
    kind = record.ones.get("type")
    if kind is None:
        return invalid("Type of parameter is not set")
    parent = record.bean.name.removesuffix("Parameter")
    if not kind.values.get(f"applicableTo{parent}"):
        article = "an" if parent[0] in "AEIOU" else "a"
        name = kind.values.get("name") or "null"
        return invalid(f"Parameter of type {name} is not applicable to {article} {parent}")
    return None


def value_error(connection: sqlite3.Connection, record: Record) -> IcatError | None:
    """Returns an error if the type is enforced and the value is outside its range or set."""
    kind = record.ones.get("type")
    if kind is None:
        return invalid("Type of parameter is not set")
    if not kind.values.get("enforced"):
        return None
    name = kind.values.get("name")
    match kind.values.get("valueType"):
        case "NUMERIC":
            return _range_error(name, record.values.get("numericValue"), kind)
        case "STRING":
            return _set_error(connection, name, record.values.get("stringValue"), kind)
        case _:
            return None


def _range_error(name: Value, value: Value, kind: Record) -> IcatError | None:
    if not isinstance(value, int | float):
        return None
    low, high = kind.values.get("minimumNumericValue"), kind.values.get("maximumNumericValue")
    if isinstance(low, int | float) and value < low:
        return invalid(f"Parameter of type {name} has value {value} < {low}")
    if isinstance(high, int | float) and value > high:
        return invalid(f"Parameter of type {name} has value {value} > {high}")
    return None


def _set_error(
    connection: sqlite3.Connection, name: Value, value: Value, kind: Record
) -> IcatError | None:
    rows = connection.execute(
        "SELECT value FROM PermissibleStringValue WHERE type_id = ? ORDER BY id", (kind.id,)
    )
    allowed: list[str] = [row[0] for row in rows]
    if not allowed or value in allowed:
        return None
    shown = ", ".join(allowed)
    return invalid(f"Parameter of type {name} has value {value} not in allowed set [{shown}]")
