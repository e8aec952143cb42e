"""How a filter arrives: as JSON text, in bracket form, and as parameters of its own."""

import json
import math
import re
from typing import Any, cast
from urllib.parse import parse_qsl

from portal_gateway.errors import Refused
from portal_gateway.filters.parser import too_deep

LONGEST = 100_000  # characters of a query string
MOST_PARAMETERS = 2000
DEEPEST = 100
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_WHOLE_DIGITS = 40


def parameters(query_string: bytes) -> list[tuple[str, str]]:
    """Names and values as sent; raises Refused for what is no text or too much."""
    if len(query_string) > LONGEST:
        raise Refused(f"The query string is longer than {LONGEST} characters")
    try:
        return parse_qsl(
            query_string.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_PARAMETERS,
        )
    except UnicodeDecodeError as error:
        raise Refused("The query string is not UTF-8") from error
    except ValueError as error:
        raise Refused(f"The query string has more than {MOST_PARAMETERS} parameters") from error


def objects(sent: list[tuple[str, str]], name: str) -> dict[str, Any]:
    """The parameter as an object; empty when it is absent. JSON wins over brackets."""
    texts = [value for key, value in sent if key == name and value.strip()]
    if texts:
        return from_json(texts[-1])
    tree: dict[str, Any] = {}
    prefix = f"{name}["
    for key, value in sent:
        if key.startswith(prefix):
            _place(tree, _path(key, name), value)
    return cast("dict[str, Any]", _arrays(tree))


def text(sent: list[tuple[str, str]], name: str) -> str | None:
    """The last value of a plain parameter; blank is absent."""
    found = [value for key, value in sent if key == name and value.strip()]
    return found[-1] if found else None


def from_json(given: str) -> dict[str, Any]:
    """An object; raises Refused for anything else, and for numbers that no JSON has."""
    try:
        value: Any = _DECODER.decode(given)
        given.encode()
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise too_deep() from None
    except ValueError as error:  # lone surrogates included
        raise Refused("Value is not an object.") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refused("Value is not an object.")
    return cast("dict[str, Any]", value)


def _no_number(name: str) -> Any:
    raise ValueError(name)


def _whole(digits: str) -> int:
    if len(digits) > _WHOLE_DIGITS:
        raise ValueError(digits[:_WHOLE_DIGITS])
    return int(digits)


def _fraction(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text[:_WHOLE_DIGITS])
    return value


_DECODER = json.JSONDecoder(parse_constant=_no_number, parse_int=_whole, parse_float=_fraction)


def _path(key: str, name: str) -> list[str]:
    rest = key[len(name) :]
    parts = _BRACKETS.findall(rest)
    if "".join(f"[{p}]" for p in parts) != rest:
        raise Refused(f"The parameter {key[:100]!r} is not of the form {name}[…][…]")
    if len(parts) > DEEPEST:
        raise too_deep()
    return parts


def _place(tree: dict[str, Any], path: list[str], value: str) -> None:
    here = tree
    for number, part in enumerate(path):
        name = part or str(len(here))
        if number == len(path) - 1:
            if name in here and not isinstance(here[name], dict):
                raise Refused(f"The parameter …[{name[:100]}] is given twice")
            here[name] = value
            return
        below: Any = here.setdefault(name, {})
        if not isinstance(below, dict):
            raise Refused(f"The parameter …[{name[:100]}] is a value and has members")
        here = cast("dict[str, Any]", below)


def _arrays(tree: Any) -> Any:
    """Objects with numbers for names are arrays, in the order of the numbers."""
    if not isinstance(tree, dict):
        return tree
    given = cast("dict[str, Any]", tree)
    made = {name: _arrays(value) for name, value in given.items()}
    if made and all(name.isascii() and name.isdecimal() and len(name) <= 4 for name in made):  # noqa: PLR2004
        return [made[name] for name in sorted(made, key=int)]
    return made
