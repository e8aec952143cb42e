"""Operands of a where in the types of the fields they are compared with."""

import json
import math
import re
from datetime import UTC, datetime
from typing import Any

from portal_shared.search.index_fields import microseconds

from portal_gateway.filters.schema import Kind

_NUMERIC = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$")


class Unfit(ValueError):
    """An operand that is not of the field's type; its text says which it must be."""


def coerced(kind: Kind, given: Any) -> Any:
    """null stays null; raises Unfit."""
    if given is None:
        return None
    if isinstance(given, dict | list):
        raise Unfit("expected a single value")
    if kind == "boolean":
        return boolean(given)
    if kind == "number":
        return number(given)
    if kind == "date":
        return instant(given)
    if kind == "value" and is_number(given):
        return given
    return text(given)


def is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)


def text(given: Any) -> str:
    """A number or boolean is its JSON text."""
    return given if isinstance(given, str) else json.dumps(given)


def boolean(given: Any) -> bool:
    if isinstance(given, bool):
        return given
    if given in ("true", "false"):
        return given == "true"
    raise Unfit(f"{json.dumps(given)[:100]} is not a boolean")


def number(given: Any) -> int | float:
    if is_number(given):
        return given
    found = numeric(given) if isinstance(given, str) else None
    if found is None:
        raise Unfit(f"{json.dumps(given)[:100]} is not a number")
    return found


def asked_number(operand: Any) -> float | None:
    """Of an operand that is a number or says one."""
    if is_number(operand):
        return float(operand)
    return numeric(operand) if isinstance(operand, str) else None


def numeric(given: str) -> int | float | None:
    """The number a text says, if it says one and no more."""
    if len(given) > 100 or not _NUMERIC.match(given):  # noqa: PLR2004  # longer ones say no number
        return None
    found = float(given)
    if not math.isfinite(found):
        return None
    return int(given) if re.fullmatch(r"\s*[+-]?\d+\s*", given) else found


def instant(given: Any) -> int:
    """Microseconds since 1970; without a zone UTC, without a time midnight."""
    try:
        moment = datetime.fromisoformat(given.strip() if isinstance(given, str) else "")
        return microseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise Unfit(f"{json.dumps(given)[:100]} is not an ISO 8601 date") from None
