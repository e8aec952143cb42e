"""Names the places of problems as the person who wrote the metadata knows them."""

import re
from collections.abc import Sequence
from typing import Any, cast

from portal_shared.contracts.jobs import Problem

DATASET = re.compile(r"datasets\[(\d{1,6})\](?:\.|$)")
PARAMETER = re.compile(r"(?:datasets\[(\d{1,6})\]|document)\.parameters\[(\d{1,6})\]")
NUMBER = re.compile(r"\[\d+\]")


def readable(problem: Problem, parts: dict[str, Any], places: Sequence[str]) -> Problem:
    """Returns the problem with the name of its parameter, and with the line of its dataset.

    `places` has the line of each dataset in a table, as in `metadata.csv, line 3`; it is empty for
    other metadata, where the fields of the job are those of the file.
    """
    name = _parameter_name(problem.field, parts)
    reason = problem.reason
    if name and name not in reason:
        reason = f"{name}: {reason}"
    return problem.model_copy(
        update={"field": _in_table(problem.field, name, places)[:300], "reason": reason[:1000]}
    )


def _in_table(field: str, name: str | None, places: Sequence[str]) -> str:
    found = DATASET.match(field)
    if found is None or int(found[1]) >= len(places):
        return field
    rest = name or NUMBER.sub("", field[found.end() :])  # a table has one sample in a line
    place = places[int(found[1])]
    return f"{place}, {rest}" if rest else place


def _parameter_name(field: str, parts: dict[str, Any]) -> str | None:
    found = PARAMETER.match(field)
    if found is None:
        return None
    part: Any = parts.get("document")
    try:
        part = parts["datasets"][int(found[1])] if found[1] else part
        row = cast("dict[str, Any]", part)["parameters"][int(found[2])]
        name = row["name"]
    except (LookupError, TypeError):
        return None
    return name[:100] if isinstance(name, str) else None
