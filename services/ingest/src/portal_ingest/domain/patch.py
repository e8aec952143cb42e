"""Applies the fields of a patch job to a record."""

import re
from typing import Any, cast

from portal_shared.contracts.jobs import DatasetIn, DocumentIn, Problem
from portal_shared.contracts.records import Dataset, Document
from portal_shared.validation.rules import closest_name

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
