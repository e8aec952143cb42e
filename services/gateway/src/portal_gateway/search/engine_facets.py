"""Facets counted by the engine: values of indexed fields, and ranges of numbers in SI units."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal_shared import profile, units
from portal_shared.search import index_fields, parameter_fields
from portal_shared.search.index_fields import FACETS, PARAMETERS
from portal_shared.search.parameter_fields import NUMBER

from portal_gateway.engine.number_ends import Ends, number_ends
from portal_gateway.engine.parameter_conditions import ParameterValues, other_layout
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
    answer = await searcher.facet_distribution(plan, list(dict.fromkeys(fields)))
    missing = [_missing_filter(name, plan.dataset_prefix) for name in wanted]
    layout = [other_layout()] if any(map(PARAMETER_FACET.fullmatch, wanted)) else []
    counts = await searcher.count_each(plan, [*missing, *layout])
    without, unknown = counts[: len(wanted)], counts[len(wanted) :]
    if any(unknown):
        return None
    facets: dict[str, Any] = {}
    for name in wanted:
        found = await _count_facet(searcher, plan, name, answer)
        if found is None:
            return None
        facets[name] = found
    return FacetCounts(answer["totalHits"], facets, dict(zip(wanted, without, strict=True)))


def _missing_filter(name: str, below: str) -> str:
    """Returns the engine's filter for rows without any value of the facet."""
    parameter = PARAMETER_FACET.fullmatch(name)
    if parameter is None:
        return f"({FACETS}.{name} NOT EXISTS OR {FACETS}.{name} IS EMPTY)"
    digest = index_fields.digest(parameter[1])
    names = dict.fromkeys(f"{prefix}{index_fields.PARAMETER_NAMES}" for prefix in ("", below))
    return " AND ".join(f'NOT {field} = "{digest}"' for field in names)


def _fields(name: str, below: str) -> list[str]:
    """Returns the field with the values of a facet, and those with its numbers."""
    parameter = PARAMETER_FACET.fullmatch(name)
    if parameter is None:
        return [f"{FACETS}.{name}"]
    counted = parameter_fields.facet_field(parameter[1])
    if parameter[1] not in parameter_fields.own_names():
        return [counted]
    numbers = (_own_number(parameter[1], prefix, NUMBER) for prefix in ("", below))
    return [counted, *dict.fromkeys(numbers)]


def _own_number(parameter: str, prefix: str, part: str) -> str:
    return f"{prefix}{PARAMETERS}.{index_fields.parameter_key(parameter)}.{part}"


async def _count_facet(searcher: Searcher, plan: Plan, name: str, answer: Answer) -> Any:
    parameter = PARAMETER_FACET.fullmatch(name)
    distribution = answer["facetDistribution"].get(_fields(name, plan.dataset_prefix)[0], {})
    if parameter is None:
        return _values(distribution)
    values = _values_of_parameter(parameter[1], distribution)
    if values is None:
        return None
    if parameter[1] in parameter_fields.own_names():
        stats = _stats(answer)
        own = _own_number(parameter[1], "", NUMBER) in stats
        below = _own_number(parameter[1], OF_DATASETS, NUMBER) in stats
    else:
        own, below = await _have_numbers(searcher, plan, parameter[1])
    if not own and not below:
        return values
    unit_name = parameter[2] or _profile_unit(parameter[1])
    unit = units.find(unit_name, parameter[1])
    if unit is None or (own and below):
        return None
    stored = ParameterValues(parameter[1], OF_DATASETS if below else "")
    found = await _ends(searcher, plan, stored, index_fields.dimension_key(unit))
    if found is None:
        return values
    lowest, highest = sorted(_rounded(unit.from_si(end)) for end in (found.lowest, found.highest))
    return {"min": lowest, "max": highest, "unit": unit_name or "", "count": found.rows}


def _values_of_parameter(
    parameter: str, distribution: Mapping[str, int]
) -> list[dict[str, Any]] | None:
    """Returns the values of one parameter of those in a field; None if some are not known."""
    start = parameter_fields.facet_start(parameter)
    if start and len(distribution) >= index_fields.MAX_FACET_VALUES:
        return None  # the engine may have left out values
    return _values(
        {v.removeprefix(start): n for v, n in distribution.items() if v.startswith(start)}
    )


async def _have_numbers(searcher: Searcher, plan: Plan, parameter: str) -> tuple[bool, bool]:
    """Returns whether rows have numbers of their own, and of their datasets."""
    prefixes = list(dict.fromkeys(("", plan.dataset_prefix)))
    found = await searcher.count_each(
        plan, [ParameterValues(parameter, prefix).begins(NUMBER, "") for prefix in prefixes]
    )
    return found[0] > 0, len(found) > 1 and found[1] > 0


async def _ends(searcher: Searcher, plan: Plan, stored: ParameterValues, part: str) -> Ends | None:
    """Returns least and greatest number of a parameter; None if no row has one."""
    if stored.name not in parameter_fields.own_names():
        query = plan.rows_query()
        return await number_ends(searcher.engine, plan.index, query, stored, part)
    path = _own_number(stored.name, stored.prefix, part)
    rows = await searcher.facet_distribution(plan, [path], f"{path} EXISTS")
    ends = _stats(rows).get(path)
    return Ends(ends["min"], ends["max"], rows["totalHits"]) if ends else None


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
