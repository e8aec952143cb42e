"""Describes errors of pydantic in the words of a job: what is allowed, and what was given."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from typing import Any

MAX_QUOTED_CHARS = 80  # of a refused value, quoted in the reason
_NUMBER = "a number"
_ALLOWED = {  # by the first word of pydantic's type of an error
    "string": "a text",
    "int": "a whole number",
    "float": _NUMBER,
    "finite": "a finite number",
    "bool": "true or false",
    "tuple": "a list",
    "list": "a list",
    "dict": "an object with named fields",
    "model": "an object with named fields",
}
_OF_TYPE = ("type", "parsing", "number", "from")  # second word: the value is of another type
_PATTERNS = {
    r"^[0-9a-f]{64}$": "must be 64 hexadecimal digits in small letters",
    r"^[A-Za-z0-9._:-]{1,128}$": "must be 1 to 128 letters, digits or characters of . _ : -",
}


def field_path(location: tuple[int | str, ...]) -> str:
    """Returns `datasets[3].parameters[0].unit` for a path of pydantic, without union members."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif not re.fullmatch(r"(constrained-)?(int|float|str)|function-.*", part):
            text += f".{part}" if text else part
    return text or "job"


def without_alternatives(errors: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns the errors, with one for all types that a value could have had: see `describe`."""
    found: list[dict[str, Any]] = []
    for _, group in groupby(errors, key=lambda e: field_path(e["loc"])):
        same = [dict(error) for error in group]
        kinds = [error["type"] for error in same]
        if len(same) > 1 and all(_allowed(kind) for kind in kinds):
            found.append({**same[0], "type": "alternatives", "ctx": {"types": kinds}})
        else:
            found += same
    return found


def describe(error: Mapping[str, Any]) -> str:
    """Returns what is wrong with a field, as a sentence without the name of the field."""
    kind, given = str(error["type"]), error.get("input")
    if sentence := _SENTENCES.get(kind):
        return sentence(error, given)
    if allowed := _allowed(kind):
        return f"must be {allowed}, not {shown(given)}"
    return _message(error, given)


def _alternatives(error: Mapping[str, Any], given: Any) -> str:
    allowed = " or ".join(_distinct(error["ctx"]["types"]))
    hint = f'; write the text "{shown(given)}"' if isinstance(given, bool) else ""
    return f"must be {allowed}, not {shown(given)}{hint}"


def _too_short(error: Mapping[str, Any], given: Any) -> str:
    least = error["ctx"]["min_length"]
    return "is empty" if not str(given).strip() else f"must have at least {least} characters"


def _too_long(error: Mapping[str, Any], given: Any) -> str:
    return f"has {len(str(given))} characters; the maximum is {error['ctx']['max_length']}"


def _no_match(error: Mapping[str, Any], given: Any) -> str:
    sentence = _PATTERNS.get(error["ctx"]["pattern"])
    return f"{sentence}, not {shown(given)}" if sentence else _message(error, given)


def _message(error: Mapping[str, Any], given: Any) -> str:
    """Returns the words of pydantic, for the rare errors that have no sentence here."""
    message = str(error["msg"])
    return message if isinstance(given, dict | list) else f"{message}: {shown(given)}"


_SENTENCES: dict[str, Callable[[Mapping[str, Any], Any], str]] = {
    "missing": lambda _error, _given: "missing; it is required",
    "extra_forbidden": lambda error, _: f"{shown(str(error['loc'][-1]))} is not a known field",
    "alternatives": _alternatives,
    "string_too_short": _too_short,
    "string_too_long": _too_long,
    "string_pattern_mismatch": _no_match,
    "greater_than_equal": lambda error, v: f"must be at least {error['ctx']['ge']}, not {shown(v)}",
    "literal_error": lambda error, v: f"{shown(v)} is not allowed; use {error['ctx']['expected']}",
}


def shown(given: Any) -> str:
    """Returns a value as JSON writes it, shortened; of a list or object its kind alone."""
    if isinstance(given, list | tuple):
        return "a list"
    if isinstance(given, dict):
        return "an object"
    text = repr(given) if isinstance(given, str) else json.dumps(given, default=repr)
    return text if len(text) <= MAX_QUOTED_CHARS else f"{text[: MAX_QUOTED_CHARS - 1]}…"


def _allowed(kind: str) -> str | None:
    first, _, rest = kind.partition("_")
    return _ALLOWED.get(first) if rest.split("_")[0] in _OF_TYPE else None


def _distinct(kinds: Iterable[str]) -> list[str]:
    """Returns the names of the types; a whole number is a number."""
    names = list(dict.fromkeys(_allowed(kind) or "" for kind in kinds))
    if _NUMBER in names or _ALLOWED["finite"] in names:
        names = [name for name in names if name != _ALLOWED["int"]]
    return names
