"""Rows of a corpus in the form of the models of jobs: known fields, text where text is due.

Servers of other facilities add keys of their tables (documentId), number their rows and store any
JSON as a value. What the model does not have is left out; what it can express is kept.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar, cast, get_args, get_origin

from portal_shared.contracts.jobs import AffiliationIn, ParameterIn, PersonIn, SampleIn, TechniqueIn
from portal_shared.validation.validator import model_in
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)

MAX_QUOTED_CHARS = 80  # of a value in a message
MAX_INTEGER = 2**63  # larger ones cannot be stored
FOREIGN_KEY = re.compile(r"(?:[a-z]\w*(?:Id|_id)|id|score)")  # of the source's own tables
ALLOWED_VALUES = "allowed are numbers, texts, true and false"
_ROW_NUMBER = re.compile(r"\[[0-9]+\]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_FALLBACKS: dict[type[BaseModel], dict[str, tuple[str, ...]]] = {  # for required fields
    PersonIn: {"id": ("orcid", "researcher_id", "full_name"), "full_name": ("last_name",)},
    AffiliationIn: {"id": ("ror", "name")},
    TechniqueIn: {"pid": ("panet_id", "name"), "name": ("pid",)},
    SampleIn: {"pid": ("name",), "name": ("pid",)},
}


class Remark(NamedTuple):
    """Something about a place in the file."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass
class Findings:
    """What is wrong in a corpus: problems refuse their record, warnings only a part of it."""

    problems: list[Remark] = field(default_factory=list[Remark])
    rows: list[Remark] = field(default_factory=list[Remark])
    unknown: Counter[str] = field(default_factory=Counter[str])  # by field, without row numbers

    @property
    def warnings(self) -> list[Remark]:
        counts = (Remark(name, f"not in the model: left out ({n} times)")
                  for name, n in sorted(self.unknown.items()))  # fmt: skip
        return [*self.rows, *counts]

    def left_out(self, place: str, reason: str) -> None:
        self.rows.append(Remark(place, f"{reason}: left out"))

    def not_in_model(self, place: str, name: str) -> None:
        every = _ROW_NUMBER.sub("[]", place)
        self.unknown[f"{every}.{name}"] += 1


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda m: m[1].upper(), name)


def row(model: type[M], given: Any, place: str, findings: Findings) -> dict[str, Any] | None:
    """Returns the fields of one row for the model; None, with a warning, if it is not valid."""
    if not isinstance(given, dict):
        findings.left_out(place, f"{quote(given)} is not an object")
        return None
    values = cast("dict[str, Any]", given)
    if model is ParameterIn:
        values = _parameter(values, place, findings)
        if values is None:
            return None
    fields: dict[str, Any] = {}
    for label, value in values.items():
        name = snake(label)
        if name not in model.model_fields:
            if not FOREIGN_KEY.fullmatch(label):
                findings.not_in_model(place, label)
        elif (found := field_value(model, name, value, f"{place}.{label}", findings)) is not None:
            fields[name] = found
    _fill(model, fields)
    try:
        model.model_validate(fields)
    except ValidationError as error:
        findings.left_out(place, "; ".join(map(str, reasons(error, ""))))
        return None
    return fields


def field_value(
    model: type[BaseModel], name: str, value: Any, place: str, findings: Findings
) -> Any:
    """Returns the value of a field as its type wants it: rows, an object, or text for numbers."""
    if value is None:
        return None
    annotation = model.model_fields[name].annotation
    inner = model_in(annotation)
    if inner is not None and isinstance(value, list):
        given = enumerate(cast("list[Any]", value))
        rows = (row(inner, one, f"{place}[{n}]", findings) for n, one in given)
        return [one for one in rows if one is not None]
    if inner is not None:
        return row(inner, value, place, findings)
    types = _types(annotation)
    is_text = str in types and not types & {int, float}
    if get_origin(annotation) is tuple and isinstance(value, str):
        value = [value]
    if isinstance(value, list):
        items = [v for v in cast("list[Any]", value) if v is not None]
        return [storable(as_text(v) if is_text else v, place, findings) for v in items]
    if isinstance(value, bool) and not is_text and bool not in types and model is not ParameterIn:
        findings.left_out(place, f"{quote(value)} is not a number")
        return None
    return storable(as_text(value) if is_text else value, place, findings)


def as_text(value: Any) -> Any:
    """Returns numbers and booleans as their JSON text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def storable(value: Any, place: str, findings: Findings) -> Any:
    """Returns a JSON value without what databases cannot store: NUL, half characters, NaN."""
    if isinstance(value, str) and _UNSTORABLE.search(value):
        findings.left_out(place, "a NUL or half a character")
        return _UNSTORABLE.sub("", value)
    if isinstance(value, float) and not math.isfinite(value):
        findings.left_out(place, f"{value} is not a number in JSON")
        return None
    if isinstance(value, int) and abs(value) >= MAX_INTEGER:
        return str(value)
    if isinstance(value, list):
        return [storable(v, place, findings) for v in cast("list[Any]", value)]
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value).items()
        return {_UNSTORABLE.sub("", k): storable(v, place, findings) for k, v in members}
    return value


def _parameter(given: dict[str, Any], place: str, findings: Findings) -> dict[str, Any] | None:
    """Returns a parameter whose value is a number or a text; None, with a warning, without."""
    value = given.get("value")
    if isinstance(value, dict) and "value" in value:  # a value with its own unit
        inner = cast("dict[str, Any]", value)
        unit = inner.get("unit") or given.get("unit")
        return _parameter({**given, "value": inner["value"], "unit": unit}, place, findings)
    if isinstance(value, list) and len(cast("list[Any]", value)) == 1:
        return _parameter({**given, "value": value[0]}, place, findings)
    usable = isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
    if not usable or given.get("name") in (None, ""):
        name = quote(given.get("name"))
        reason = f"the value {quote(value)} of parameter {name} cannot be stored; {ALLOWED_VALUES}"
        findings.left_out(f"{place}.value", reason if not usable else "a parameter needs a name")
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    too_large = isinstance(value, int) and abs(value) >= MAX_INTEGER
    return {**given, "value": value if is_number and not too_large else as_text(value)}


def _fill(model: type[BaseModel], fields: dict[str, Any]) -> None:
    """Fills required fields of persons, techniques and samples from their other fields."""
    if model is PersonIn and not fields.get("full_name"):
        names = (fields.get("first_name"), fields.get("last_name"))
        if any(names):
            fields["full_name"] = " ".join(name for name in names if name)
    for name, sources in _FALLBACKS.get(model, {}).items():
        value = next((fields[s] for s in sources if fields.get(s)), None)
        if not fields.get(name) and value:
            fields[name] = value


def reasons(error: ValidationError, place: str) -> Iterator[Remark]:
    """Yields one remark for each invalid field, with the value and what is allowed."""
    seen: set[str] = set()
    for one in error.errors(include_url=False):
        where = place + _inner(one["loc"])
        if where not in seen:  # each type of a union has its own error
            seen.add(where)
            yield Remark(where.lstrip("."), f"{one['msg']}, not {quote(one['input'])}")


def _inner(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif not re.fullmatch(r"(constrained-)?(int|float|str)", part):
            text += f".{'creationDate' if part == 'created' else camel(part)}"
    return text


def quote(value: Any) -> str:
    shown = {True: "true", False: "false", None: "null"}.get(value) if _is_constant(value) else None
    text = shown or repr(value)
    return text if len(text) <= MAX_QUOTED_CHARS else f"{text[:MAX_QUOTED_CHARS]}…"


def _is_constant(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _types(annotation: Any) -> set[Any]:
    inner = get_args(annotation)
    return {annotation}.union(*map(_types, inner)) if inner else {annotation}
