"""Facets as the engine counts them, where it can: values that were prepared, numbers in SI."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from portal_shared import prepared, profile, units

from portal_gateway.searching import Plan, Searching

PLAIN = ("techniques", "instrument", "keywords", "samples")
PARAMETER = re.compile(r"parameter:([^\[\]]+)(?:\[([^\[\]]*)\])?")
Answer = Mapping[str, Any]


async def counted(
    searching: Searching, plan: Plan, wanted: Sequence[str]
) -> tuple[int, dict[str, Any] | None]:
    """How many rows, and each facet; None where one of them has to be looked at row by row."""
    fields = [field for name in wanted for field in _fields(name, plan.below)]
    answer = await searching.facets(plan, fields)
    told: dict[str, Any] = {}
    for name in wanted:
        found = await _told(searching, plan, name, answer)
        if found is None:
            return answer["totalHits"], None
        told[name] = found
    return answer["totalHits"], told


def _fields(name: str, below: str) -> list[str]:
    parameter = PARAMETER.fullmatch(name)
    if parameter is None:
        return [f"facet.{name}"]
    field = prepared.name(parameter[1])
    numbers = dict.fromkeys(f"{prefix}p.{field}.v" for prefix in ("", below))
    return [f"facet.parameter.{field}", *numbers]


async def _told(searching: Searching, plan: Plan, name: str, answer: Answer) -> Any:
    values = _values(answer["facetDistribution"].get(_fields(name, plan.below)[0], {}))
    parameter = PARAMETER.fullmatch(name)
    if parameter is None or values is None:
        return values
    field = prepared.name(parameter[1])
    stats = _stats(answer)
    own, below = f"p.{field}.v" in stats, f"d.p.{field}.v" in stats
    if not own and not below:
        return values
    prefix = "d." if below else ""
    unit = units.find(parameter[2] or _usual(parameter[1]), parameter[1])
    if unit is None or (own and below):
        return None
    path = f"{prefix}p.{field}.{prepared.dimension(unit)}"
    rows = await searching.facets(plan, [path], f"{path} EXISTS")
    ends = _stats(rows).get(path)
    if ends is None:
        return values
    least, greatest = sorted(_cleaned(unit.from_si(ends[end])) for end in ("min", "max"))
    told = parameter[2] or _usual(parameter[1]) or ""
    return {"min": least, "max": greatest, "unit": told, "count": rows["totalHits"]}


def _stats(answer: Answer) -> Mapping[str, Mapping[str, float]]:
    """Least and greatest of numbers, by field."""
    return answer.get("facetStats") or {}


def _values(distribution: Mapping[str, int]) -> list[dict[str, Any]] | None:
    told = {prepared.told_facet_value(kept): count for kept, count in distribution.items()}
    if None in told:
        return None
    listed = sorted(((v, c) for v, c in told.items() if v is not None), key=lambda c: (-c[1], c[0]))
    return [{"value": value, "count": count} for value, count in listed]


def _usual(parameter: str) -> str | None:
    """The unit that a profile gives it."""
    rules = (profile.load(name).parameters.get(parameter) for name in profile.names())
    return next((rule.unit for rule in rules if rule and rule.unit), None)


def _cleaned(value: float) -> float:
    return float(f"{value:.12g}")
