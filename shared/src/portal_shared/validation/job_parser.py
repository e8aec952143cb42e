"""Parses the bytes of a message to the JSON of a job.

Stricter than JSON parsers: NaN, repeated keys, lone surrogates and deep nesting are refused with
their place, because databases further on cannot store them.
"""

import json
import math
import re
from typing import Any, NoReturn, cast

from pydantic import ValidationError

from portal_shared.contracts.jobs import JOB_VERSION, MAX_JOB_BYTES, Envelope
from portal_shared.runtime.errors import Invalid
from portal_shared.validation.form_errors import describe, field_path, without_alternatives

MAX_DEPTH = 30
SURROGATE = re.compile("[\ud800-\udfff]")


def parse_job(body: bytes) -> dict[str, Any]:
    """Returns the JSON object of a job. Raises Invalid with line and column, or the reason."""
    if len(body) > MAX_JOB_BYTES:
        raise Invalid(f"{len(body)} bytes; a job has at most {MAX_JOB_BYTES}")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"not UTF-8: byte {error.start} is {body[error.start]:#04x}") from error
    try:
        found = json.loads(text, parse_constant=_constant, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise Invalid(
            f"not JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        ) from error
    except RecursionError as error:
        raise Invalid(f"nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:  # a number of thousands of digits
        raise Invalid(f"not JSON that can be stored: {error}") from error
    if not isinstance(found, dict):
        raise Invalid("a job must be a JSON object")
    job = cast("dict[str, Any]", found)
    _check(job, "", 0)
    return job


def _constant(name: str) -> NoReturn:
    raise Invalid(f"{name} is not a number in JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(n for n in names if names.count(n) > 1)
        raise Invalid(f"{twice[:100]!r} appears twice in one object")
    return found


def _check(value: Any, place: str, level: int) -> None:
    """Raises Invalid for values that JSON allows but databases cannot store."""
    if level > MAX_DEPTH:
        raise Invalid(f"nested deeper than {MAX_DEPTH} levels", field=place[:200])
    if isinstance(value, list):
        for number, item in enumerate(cast("list[Any]", value)):
            _check(item, f"{place}[{number}]", level + 1)
    elif isinstance(value, dict):
        for name, item in cast("dict[str, Any]", value).items():
            _check(name, place, level)
            _check(item, f"{place}.{name}" if place else name, level + 1)
    elif reason := _storage_problem(value):
        raise Invalid(reason, field=place[:200])


def _storage_problem(value: Any) -> str | None:
    if isinstance(value, str):
        if SURROGATE.search(value):
            return "contains half a character (a lone surrogate)"
        return "contains a NUL character" if "\x00" in value else None
    if isinstance(value, float) and not math.isfinite(value):
        return "is too large for a number"
    if isinstance(value, int) and abs(value) >= 2**63:
        return "does not fit into 64 bits"
    return None


def parse_envelope(job: dict[str, Any]) -> Envelope:
    """Returns the outer fields of a job. Raises Invalid if they are wrong."""
    version = job.get("version")
    if type(version) is not int or version != JOB_VERSION:
        raise Invalid(
            f"{version!r} is not supported; this portal reads version {JOB_VERSION}",
            field="version",
        )
    try:
        return Envelope.model_validate(job)
    except ValidationError as error:
        first = without_alternatives(error.errors())[0]
        raise Invalid(describe(first), field=field_path(first["loc"])) from error
