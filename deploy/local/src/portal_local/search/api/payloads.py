"""Parses request bodies in JSON and NDJSON; refuses missing and malformed ones."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from portal_local.search.errors import Failure

JSON = "application/json"
NDJSON = "application/x-ndjson"
MAX_DEPTH = 127


def check_content_type(headers: Mapping[str, str], *accepted: str) -> str:
    given = headers.get("content-type")
    listed = ", ".join(f"`{name}`" for name in accepted)
    if given is None:
        raise Failure(
            "missing_content_type",
            "A Content-Type header is missing. Accepted values for the Content-Type header are: "
            f"{listed}",
        )
    kind = given.partition(";")[0].strip().lower()
    if kind not in accepted:
        raise Failure(
            "invalid_content_type",
            f"The Content-Type `{given}` is invalid. Accepted values for the Content-Type header "
            f"are: {listed}",
        )
    return kind


def parse_json(body: bytes, what: str = "json") -> Any:
    """Parses a JSON value; refuses numbers beyond doubles, NaN and lone surrogates."""
    if not body.strip():
        raise Failure("missing_payload", f"A {what} payload is missing.")
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
        _check_depth(value)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise Failure(
            "malformed_payload", f"The {what} payload provided is malformed. `{error}`."
        ) from error
    return value


def parse_documents(body: bytes, kind: str) -> list[dict[str, Any]]:
    """Parses documents: an array, one object, or (NDJSON) one object per line."""
    if kind == NDJSON:
        if not body.strip():
            raise Failure("missing_payload", "A ndjson payload is missing.")
        found = [parse_json(line, "ndjson") for line in body.splitlines() if line.strip()]
    else:
        value = parse_json(body)
        found = list(_values(value)) if isinstance(value, list) else [value]
    return [_document(value) for value in found]


def _document(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        shown = json.dumps(value, ensure_ascii=False)[:100]
        raise Failure(
            "malformed_payload",
            "The `json` payload provided is malformed. `Couldn't serialize document value: "
            f"invalid type, expected a map: {shown}`.",
        )
    return dict(_members(value))


def _values(value: Any) -> Sequence[Any]:
    return value


def _members(value: Any) -> Mapping[str, Any]:
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise ValueError("recursion limit exceeded")


def _inside(value: Any) -> Iterator[Any]:
    """Yields the objects and arrays directly inside a value."""
    if isinstance(value, dict):
        value = list(_members(value).values())
    if isinstance(value, list):
        yield from (inner for inner in _values(value) if isinstance(inner, dict | list))


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
