"""Applies the fields of a patch job to a record."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, cast

from portal_shared.contracts.jobs import DatasetIn, DocumentIn, Problem
from portal_shared.contracts.records import Dataset, Document
from portal_shared.validation.rules import closest_name
from portal_shared.validation.validator import Part

FIXED_FIELDS = {"pid", "name", "files", "manifest", "folder"}
INTERNAL_FIELDS = {
    "document",
    "datasets",
    "profile",
    "edition",
    "supersedes",
    "superseded_by",
    "icat_id",
    "other_datasets",
}
DOTTED = re.compile(r"(parameters|details)\.(.+)", re.DOTALL)
_ROW = re.compile(r"\[\d+\]")
_PARAMETER = re.compile(r"parameters\[(\d+)\]")
MAX_NAME_CHARACTERS = 80  # of a field name, repeated in a problem


def apply_patch(
    record: Dataset | Document, fields: dict[str, Any], place: str, *, is_public: bool
) -> tuple[dict[str, Any], list[Problem]]:
    """Returns the patched record in the form of a job, and the fields that cannot be patched.

    `is_public`: the visibility that the last job requested. None as a value removes the field.
    """
    model = DatasetIn if isinstance(record, Dataset) else DocumentIn
    given = set(model.model_fields) - INTERNAL_FIELDS - {"files", "folder", "manifest"}
    raw = record.model_dump(mode="json", include=given)
    raw["is_public"] = is_public
    problems: list[Problem] = []
    patchable = set(model.model_fields) - FIXED_FIELDS - INTERNAL_FIELDS
    for name, value in fields.items():
        dotted = DOTTED.fullmatch(name)
        if dotted:
            _patch_item(raw, dotted[1], dotted[2], value)
        elif name not in patchable:
            problems.append(_not_patchable(name, place, patchable))
        elif value is None:
            raw.pop(name, None)
        else:
            raw[name] = value
    return raw, problems


def separate_inherited(
    part: Part, before: Part, raw: dict[str, Any], fields: Iterable[str], place: str
) -> None:
    """Turns problems that the record had before the patch into warnings of the part.

    `before` is the result for the record as it is, `raw` the patched record: rules may be newer
    than a record, and its other fields must not stand in the way of a correction. What the patch
    itself gives is judged, also if it was as wrong before.
    """
    known = Counter(map(_without_rows, before.problems))
    problems, part.problems = part.problems, []
    for problem in problems:
        key = _without_rows(problem)
        if known[key] and not any(_is_of(problem.field, name, raw, place) for name in fields):
            known[key] -= 1
            part.warnings.append(problem)
        else:
            part.problems.append(problem)


def _without_rows(problem: Problem) -> tuple[str, str]:
    """Returns a problem without the numbers of rows, which change when rows are removed."""
    return _ROW.sub("[]", problem.field), problem.reason


def _is_of(field: str, name: str, raw: dict[str, Any], place: str) -> bool:
    """Whether the field of a problem is one that the patch names."""
    path = field.removeprefix(f"{place}.")
    dotted = DOTTED.fullmatch(name)
    if dotted and dotted[1] == "parameters":
        row = _PARAMETER.match(path)
        return bool(row) and raw["parameters"][int(row[1])].get("name") == dotted[2]
    return path == name or path.startswith((f"{name}.", f"{name}["))


def _not_patchable(name: str, place: str, patchable: set[str]) -> Problem:
    short = name[:MAX_NAME_CHARACTERS]
    if name in FIXED_FIELDS | INTERNAL_FIELDS:
        reason, suggestion = f"{short!r} cannot be changed by a patch; leave it out", None
    else:
        reason, suggestion = f"{short!r} is not a known field", closest_name(name, patchable)
    return Problem(field=f"{place}.{short}", reason=reason, suggestion=suggestion)


def _patch_item(raw: dict[str, Any], group: str, name: str, value: Any) -> None:
    """Replaces or removes one parameter, or one group of the details."""
    if group == "details":
        details = cast("dict[str, Any]", raw.setdefault("details", {}))
        details.pop(name, None) if value is None else details.update({name: value})
        return
    rows = [p for p in cast("list[dict[str, Any]]", raw["parameters"]) if p["name"] != name]
    if isinstance(value, dict):
        rows.append({**cast("dict[str, Any]", value), "name": name})
    elif value is not None:
        rows.append({"name": name, "value": value})
    raw["parameters"] = rows
