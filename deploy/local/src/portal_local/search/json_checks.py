"""Checks JSON values; errors name the place, the expected type and the value."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from portal_local.search.errors import Failure

_KINDS: Sequence[tuple[type, str]] = (
    (bool, "a boolean"),
    (str, "a string"),
    (int, "an integer"),
    (float, "a number"),
    (list, "an array"),
    (dict, "an object"),
)


def describe(value: Any) -> str:
    """Describes a value for an error message."""
    if value is None:
        return "null"
    for kind, name in _KINDS:
        if isinstance(value, kind):
            label = name
            if isinstance(value, int) and not isinstance(value, bool):
                label = "a positive integer" if value >= 0 else "a negative integer"
            return f"{label}: `{json.dumps(value, ensure_ascii=False)}`"
    return repr(value)


def wrong_type(value: Any, where: str, expected: str, code: str) -> Failure:
    place = f" at `{where}`" if where else ""
    return Failure(
        code, f"Invalid value type{place}: expected {expected}, but found {describe(value)}"
    )


def text(value: Any, where: str, code: str) -> str:
    if not isinstance(value, str):
        raise wrong_type(value, where, "a string", code)
    return value


def flag(value: Any, where: str, code: str) -> bool:
    if not isinstance(value, bool):
        raise wrong_type(value, where, "a boolean", code)
    return value


def count(value: Any, where: str, code: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise wrong_type(value, where, "a positive integer", code)
    return value


def number(value: Any, where: str, code: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(value, where, "a number", code)
    return float(value)


def array(value: Any, where: str, code: str) -> list[Any]:
    if not isinstance(value, list):
        raise wrong_type(value, where, "an array", code)
    return list(_each(value))


def texts(value: Any, where: str, code: str) -> list[str]:
    return [
        text(item, f"{where}[{index}]", code)
        for index, item in enumerate(array(value, where, code))
    ]


def mapping(value: Any, where: str, code: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong_type(value, where, "an object", code)
    return dict(_pairs(value))


def _each(value: Any) -> Sequence[Any]:
    return value


def _pairs(value: Any) -> Mapping[str, Any]:
    return value


def refuse_unknown(given: Mapping[str, Any], names: Sequence[str], where: str, code: str) -> None:
    """Raises Failure if an object has a member that is not in `names`."""
    for name in given:
        if name not in names:
            listed = ", ".join(f"`{known_name}`" for known_name in names)
            inside = f" inside `{where}`" if where else ""
            raise Failure(code, f"Unknown field `{name}`{inside}: expected one of {listed}")


Check = Callable[[Any, str, str], Any]
