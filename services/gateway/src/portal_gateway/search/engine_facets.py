"""Facets as the engine counts them, where it can: values that were prepared, numbers in SI."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal_shared import profile, units
from portal_shared.search import index_fields

from portal_gateway.search.planner import Plan, Searching

_BELOW = ("techniques", "instrument", "samples")
PLAIN = {  # what is counted of each entity besides parameters
    "Dataset": (*_BELOW, "keywords", "license", "availability"),
    "Document": (*_BELOW, "keywords", "type", "license"),
    "Instrument": ("name", "facility"),
}
PARAMETER = re.compile(r"parameter:([^\[\]]+)(?:\[([^\[\]]*)\])?")
Answer = Mapping[str, Any]


@dataclass(frozen=True)
class Facets:
    total: int
    told: dict[str, Any]
    missing: dict[str, int]  # rows that have no value at all


async def counted(searching: Searching, plan: Plan, wanted: Sequence[str]) -> Facets | None:
    """Each facet as the engine counts it; None where one has to be looked at row by row."""
    fields = [field for name in wanted for field in _fields(name, plan.below)]
    answer = await searching.facets(plan, fields)
    told: dict[str, Any] = {}
    for name in wanted:
        found = await _told(searching, plan, name, answer)
        if found is None:
            return None
        told[name] = found
    missing = await searching.counts(plan, [_without(name, plan.below) for name in wanted])
    return Facets(answer["totalHits"], told, dict(zip(wanted, missing, strict=True)))


def _without(name: str, below: str) -> str:
    """Rows that have no value of it, in the engine's words."""
    parameter = PARAMETER.fullmatch(name)
    if parameter is None:
        return f"(facet.{name} NOT EXISTS OR facet.{name} IS EMPTY)"
    digest = index_fields.digest(parameter[1])
    names = dict.fromkeys(f"{prefix}pn" for prefix in ("", below))
    return " AND ".join(f'NOT {field} = "{digest}"' for field in names)


def _fields(name: str, below: str) -> list[str]:
    parameter = PARAMETER.fullmatch(name)
    if parameter is None:
        return [f"facet.{name}"]
    field = index_fields.parameter_key(parameter[1])
    numbers = dict.fromkeys(f"{prefix}p.{field}.v" for prefix in ("", below))
    return [f"facet.parameter.{field}", *numbers]


async def _told(searching: Searching, plan: Plan, name: str, answer: Answer) -> Any:
    values = _values(answer["facetDistribution"].get(_fields(name, plan.below)[0], {}))
    parameter = PARAMETER.fullmatch(name)
    if parameter is None or values is None:
        return values
    field = index_fields.parameter_key(parameter[1])
    stats = _stats(answer)
    own, below = f"p.{field}.v" in stats, f"d.p.{field}.v" in stats
    if not own and not below:
        return values
    prefix = "d." if below else ""
    unit = units.find(parameter[2] or _usual(parameter[1]), parameter[1])
    if unit is None or (own and below):
        return None
    path = f"{prefix}p.{field}.{index_fields.dimension_key(unit)}"
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
    told = {index_fields.parse_facet_value(kept): count for kept, count in distribution.items()}
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
