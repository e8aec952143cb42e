"""Facets counted by the engine: values of indexed fields, and ranges of numbers in SI units."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal_shared import profile, units
from portal_shared.search import index_fields
from portal_shared.search.index_fields import FACETS, PARAMETERS

from portal_gateway.search.planner import Plan, Searcher

OF_DATASETS = f"{index_fields.DATASET_FIELDS}."
_BELOW = ("techniques", "instrument", "samples")
VALUE_FACETS = {  # facets of each entity; parameters come in addition
    "Dataset": (*_BELOW, "keywords", "license", "availability", "availabilityDetail"),
    "Document": (*_BELOW, "keywords", "type", "license"),
    "Instrument": ("name", "facility"),
}
PARAMETER_FACET = re.compile(r"parameter:([^\[\]]+)(?:\[([^\[\]]*)\])?")
Answer = Mapping[str, Any]


@dataclass(frozen=True)
class FacetCounts:
    total: int
    facets: dict[str, Any]
    missing: dict[str, int]  # by facet, rows without any value


async def count_facets(searcher: Searcher, plan: Plan, wanted: Sequence[str]) -> FacetCounts | None:
    """Counts the facets; None if the rows of one have to be evaluated one by one."""
    fields = [field for name in wanted for field in _fields(name, plan.dataset_prefix)]
    answer = await searcher.facet_distribution(plan, fields)
    facets: dict[str, Any] = {}
    for name in wanted:
        found = await _count_facet(searcher, plan, name, answer)
        if found is None:
            return None
        facets[name] = found
    missing = await searcher.count_each(
        plan, [_missing_filter(name, plan.dataset_prefix) for name in wanted]
    )
    return FacetCounts(answer["totalHits"], facets, dict(zip(wanted, missing, strict=True)))


def _missing_filter(name: str, below: str) -> str:
    """Returns the engine's filter for rows without any value of the facet."""
    parameter = PARAMETER_FACET.fullmatch(name)
    if parameter is None:
        return f"({FACETS}.{name} NOT EXISTS OR {FACETS}.{name} IS EMPTY)"
    digest = index_fields.digest(parameter[1])
    names = dict.fromkeys(f"{prefix}{index_fields.PARAMETER_NAMES}" for prefix in ("", below))
    return " AND ".join(f'NOT {field} = "{digest}"' for field in names)


def _fields(name: str, below: str) -> list[str]:
    parameter = PARAMETER_FACET.fullmatch(name)
    if parameter is None:
        return [f"{FACETS}.{name}"]
    field = index_fields.parameter_key(parameter[1])
    numbers = dict.fromkeys(f"{prefix}{PARAMETERS}.{field}.v" for prefix in ("", below))
    return [f"{FACETS}.parameter.{field}", *numbers]


async def _count_facet(searcher: Searcher, plan: Plan, name: str, answer: Answer) -> Any:
    values = _values(answer["facetDistribution"].get(_fields(name, plan.dataset_prefix)[0], {}))
    parameter = PARAMETER_FACET.fullmatch(name)
    if parameter is None or values is None:
        return values
    field = index_fields.parameter_key(parameter[1])
    stats = _stats(answer)
    own = f"{PARAMETERS}.{field}.v" in stats
    below = f"{OF_DATASETS}{PARAMETERS}.{field}.v" in stats
    if not own and not below:
        return values
    prefix = OF_DATASETS if below else ""
    unit = units.find(parameter[2] or _profile_unit(parameter[1]), parameter[1])
    if unit is None or (own and below):
        return None
    path = f"{prefix}{PARAMETERS}.{field}.{index_fields.dimension_key(unit)}"
    rows = await searcher.facet_distribution(plan, [path], f"{path} EXISTS")
    ends = _stats(rows).get(path)
    if ends is None:
        return values
    lowest, highest = sorted(_rounded(unit.from_si(ends[end])) for end in ("min", "max"))
    unit_name = parameter[2] or _profile_unit(parameter[1]) or ""
    return {"min": lowest, "max": highest, "unit": unit_name, "count": rows["totalHits"]}


def _stats(answer: Answer) -> Mapping[str, Mapping[str, float]]:
    """Returns minimum and maximum of numbers, by field."""
    return answer.get("facetStats") or {}


def _values(distribution: Mapping[str, int]) -> list[dict[str, Any]] | None:
    counts = {index_fields.parse_facet_value(v): count for v, count in distribution.items()}
    if None in counts:
        return None
    pairs = ((v, c) for v, c in counts.items() if v is not None)
    listed = sorted(pairs, key=lambda c: (-c[1], c[0]))
    return [{"value": value, "count": count} for value, count in listed]


def _profile_unit(parameter: str) -> str | None:
    """Returns the unit that a profile defines for the parameter."""
    rules = (profile.load(name).parameters.get(parameter) for name in profile.names())
    return next((rule.unit for rule in rules if rule and rule.unit), None)


def _rounded(value: float) -> float:
    return float(f"{value:.12g}")
