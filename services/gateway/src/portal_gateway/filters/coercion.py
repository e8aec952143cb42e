"""Converts operands of a where clause to the type of the field they are compared with."""

import json
import math
import re
from datetime import UTC, datetime
from typing import Any

from portal_shared.contracts.identifiers import bare_doi
from portal_shared.search.index_fields import microseconds

from portal_gateway.filters.schema import Kind

MAX_NUMBER_CHARACTERS = 100
_NUMERIC = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$")


class InvalidOperand(ValueError):
    """The operand does not have the type of its field. The message names the expected type."""


def coerce(kind: Kind, given: Any) -> Any:
    """Returns the operand in the type of the field; null stays null. Raises InvalidOperand."""
    if given is None:
        return None
    if isinstance(given, dict | list):
        raise InvalidOperand("expected a single value")
    if kind == "boolean":
        return to_boolean(given)
    if kind == "number":
        return to_number(given)
    if kind == "date":
        return to_microseconds(given)
    if kind == "value" and is_number(given):
        return given
    text = to_text(given)
    return bare_doi(text) if kind == "doi" else text


def is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)


def to_text(given: Any) -> str:
    """Returns a string unchanged, and the JSON text of a number or boolean."""
    return given if isinstance(given, str) else json.dumps(given)


def to_boolean(given: Any) -> bool:
    if isinstance(given, bool):
        return given
    if given in ("true", "false"):
        return given == "true"
    raise InvalidOperand(f"{json.dumps(given)[:100]} is not a boolean")


def to_number(given: Any) -> int | float:
    if is_number(given):
        return given
    found = parse_number(given) if isinstance(given, str) else None
    if found is None:
        raise InvalidOperand(f"{json.dumps(given)[:100]} is not a number")
    return found


def as_number(operand: Any) -> float | None:
    """Returns the number of a numeric operand or of a string with a number, else None."""
    if is_number(operand):
        return float(operand)
    return parse_number(operand) if isinstance(operand, str) else None


def parse_number(given: str) -> int | float | None:
    """Returns the number if the text is exactly one finite number, else None."""
    if len(given) > MAX_NUMBER_CHARACTERS or not _NUMERIC.match(given):
        return None
    found = float(given)
    if not math.isfinite(found):
        return None
    return int(given) if re.fullmatch(r"\s*[+-]?\d+\s*", given) else found


def to_microseconds(given: Any) -> int:
    """Returns microseconds since 1970. A missing time zone is UTC, a missing time midnight."""
    try:
        moment = datetime.fromisoformat(given.strip() if isinstance(given, str) else "")
        return microseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise InvalidOperand(f"{json.dumps(given)[:100]} is not an ISO 8601 date") from None
