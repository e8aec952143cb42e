"""Parses query strings: filters as JSON text or in bracket form, and plain parameters."""

import json
import math
import re
from typing import Any, cast
from urllib.parse import parse_qsl

from portal_gateway.errors import BadRequest
from portal_gateway.filters.parser import too_deep

MAX_CHARACTERS = 100_000  # of a query string
MAX_PARAMETERS = 2000
MAX_DEPTH = 100
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_MAX_INTEGER_DIGITS = 40


def parse_parameters(query_string: bytes) -> list[tuple[str, str]]:
    """Returns names and values as sent. Raises BadRequest for invalid UTF-8 or too many."""
    if len(query_string) > MAX_CHARACTERS:
        raise BadRequest(f"The query string is longer than {MAX_CHARACTERS} characters")
    try:
        return parse_qsl(
            query_string.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except UnicodeDecodeError as error:
        raise BadRequest("The query string is not UTF-8") from error
    except ValueError as error:
        raise BadRequest(f"The query string has more than {MAX_PARAMETERS} parameters") from error


def parse_object(sent: list[tuple[str, str]], name: str) -> dict[str, Any]:
    """Returns the parameter as an object, empty if it is absent. JSON wins over brackets."""
    texts = [value for key, value in sent if key == name and value.strip()]
    if texts:
        return parse_json(texts[-1])
    tree: dict[str, Any] = {}
    prefix = f"{name}["
    for key, value in sent:
        if key.startswith(prefix):
            _insert(tree, _parse_path(key, name), value)
    return cast("dict[str, Any]", _objects_to_arrays(tree))


def last_value(sent: list[tuple[str, str]], name: str) -> str | None:
    """Returns the last value of a plain parameter, or None if there is none or all are blank."""
    found = [value for key, value in sent if key == name and value.strip()]
    return found[-1] if found else None


def parse_json(given: str) -> dict[str, Any]:
    """Parses a JSON object. Raises BadRequest for other values, NaN and infinite numbers."""
    try:
        value: Any = _DECODER.decode(given)
        given.encode()
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise too_deep() from None
    except ValueError as error:  # includes unpaired surrogates
        raise BadRequest("Value is not an object.") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest("Value is not an object.")
    return cast("dict[str, Any]", value)


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _parse_integer(digits: str) -> int:
    if len(digits) > _MAX_INTEGER_DIGITS:
        raise ValueError(digits[:_MAX_INTEGER_DIGITS])
    return int(digits)


def _parse_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text[:_MAX_INTEGER_DIGITS])
    return value


_DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_int=_parse_integer, parse_float=_parse_float
)


def _parse_path(key: str, name: str) -> list[str]:
    rest = key[len(name) :]
    parts = _BRACKETS.findall(rest)
    if "".join(f"[{p}]" for p in parts) != rest:
        raise BadRequest(f"The parameter {key[:100]!r} is not of the form {name}[…][…]")
    if len(parts) > MAX_DEPTH:
        raise too_deep()
    return parts


def _insert(tree: dict[str, Any], path: list[str], value: str) -> None:
    here = tree
    for number, part in enumerate(path):
        name = part or str(len(here))
        if number == len(path) - 1:
            if name in here and not isinstance(here[name], dict):
                raise BadRequest(f"The parameter …[{name[:100]}] is given twice")
            here[name] = value
            return
        below: Any = here.setdefault(name, {})
        if not isinstance(below, dict):
            raise BadRequest(f"The parameter …[{name[:100]}] has both a value and members")
        here = cast("dict[str, Any]", below)


def _objects_to_arrays(tree: Any) -> Any:
    """Turns objects whose names are all numbers into arrays, in the order of the numbers."""
    if not isinstance(tree, dict):
        return tree
    given = cast("dict[str, Any]", tree)
    made = {name: _objects_to_arrays(value) for name, value in given.items()}
    if made and all(name.isascii() and name.isdecimal() and len(name) <= 4 for name in made):  # noqa: PLR2004
        return [made[name] for name in sorted(made, key=int)]
    return made
