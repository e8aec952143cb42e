"""Parses query strings: the parameters of a search by GET, and numbers and lists of others."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from portal_local.search.errors import Failure
from portal_local.search.results.params import FIELDS, Params, error_code, parse_params


def from_query(query: Mapping[str, str]) -> Params:
    """Parses the search parameters of a GET request."""
    body: dict[str, Any] = {}
    for name, value in query.items():
        if name not in FIELDS:
            listed = ", ".join(f"`{known}`" for known in FIELDS)
            raise Failure("bad_request", f"Unknown parameter `{name}`: expected one of {listed}")
        body[name] = _READERS.get(name, _as_is)(name, value)
    return parse_params(body)


def _as_is(_name: str, value: str) -> Any:
    return value


def read_count(name: str, value: str, code: str | None = None) -> int:
    if not (value.isascii() and value.isdigit()):
        raise Failure(
            code or error_code(name),
            f"Invalid value in parameter `{name}`: could not parse `{value}` as a positive integer",
        )
    return min(int(value[:18]), 2**53)


def read_flag(name: str, value: str, code: str | None = None) -> bool:
    if value not in ("true", "false"):
        raise Failure(
            code or error_code(name),
            f"Invalid value in parameter `{name}`: could not parse `{value}` as a boolean, "
            "expected either `true` or `false`",
        )
    return value == "true"


def _read_number(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise Failure(
            error_code(name),
            f"Invalid value in parameter `{name}`: could not parse `{value}` as a number",
        ) from None


def _read_filter(_name: str, value: str) -> Any:
    """Parses a filter: a JSON list, else an expression."""
    try:
        found: Any = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return found if value.lstrip().startswith("[") else value


def read_list(_name: str, value: str) -> list[str]:
    return value.split(",")


def _read_sort(_name: str, value: str) -> list[str]:
    return [part.strip() for part in value.split(",")]


_READERS: Mapping[str, Callable[[str, str], Any]] = {
    "offset": read_count,
    "limit": read_count,
    "page": read_count,
    "hitsPerPage": read_count,
    "cropLength": read_count,
    "filter": _read_filter,
    "facets": read_list,
    "sort": _read_sort,
    "attributesToRetrieve": read_list,
    "attributesToHighlight": read_list,
    "attributesToCrop": read_list,
    "attributesToSearchOn": read_list,
    "showMatchesPosition": read_flag,
    "showRankingScore": read_flag,
    "showRankingScoreDetails": read_flag,
    "retrieveVectors": read_flag,
    "rankingScoreThreshold": _read_number,
}
