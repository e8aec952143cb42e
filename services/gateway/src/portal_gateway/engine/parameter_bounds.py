"""Compiles conditions on parameters into a superset and a lower bound of the matching rows.

The few rows between the two bounds must be evaluated: numbers next to a bound, rows with several
parameters of one name, and values in unknown units.
"""

import math
from collections.abc import Sequence

from portal_shared import units
from portal_shared.search import index_fields
from portal_shared.search.parameter_fields import NUMBER

from portal_gateway.engine.filter import UNKNOWN, Filter, conjunction, disjunction, superset
from portal_gateway.engine.parameter_conditions import ParameterValues, other_layout
from portal_gateway.filters import coercion
from portal_gateway.filters.ast import And, Compare, Node, Or

MARGIN = 1e-8  # relative; larger than parameters.TOLERANCE
MAX_EXACT_INTEGER = 2**53  # larger integers are not exact in the engine
_RANGES = frozenset(("gt", "gte", "lt", "lte", "between"))


def certain_filter(name: str, parts: Sequence[Node], prefix: str) -> str | None:
    """Returns an expression for rows that match for certain, or None if no row does.

    `parts` is the conjunction of conditions on the parameter of this name.
    """
    values = [p for p in parts if isinstance(p, Compare) and p.field == "value"]
    if len(values) + 1 != len(parts):
        return None  # there are conditions on other fields than name and value
    stored = ParameterValues(name, prefix)
    if not values:
        return f'{prefix}{index_fields.PARAMETER_NAMES} = "{index_fields.digest(name)}"'
    if all(v.op in _RANGES for v in values):
        return _within_bounds(stored, values)
    one = values[0]
    if len(values) == 1 and one.op in ("eq", "inq") and not one.unit:
        texts = [v for v in one.operands() if isinstance(v, str)]
        return stored.is_text(texts) if texts else None
    return None


def _within_bounds(stored: ParameterValues, values: Sequence[Compare]) -> str | None:
    """Returns the condition that one number lies within slightly narrower bounds."""
    unit = units.find(values[0].unit, stored.name) if values[0].unit else None
    if values[0].unit and unit is None:
        return None
    low, high = -math.inf, math.inf
    for value in values:
        numbers = [coercion.as_number(o) for o in value.operands()]
        known = [n for n in numbers if n is not None]
        if len(known) != len(numbers):
            return None
        if value.op in ("gt", "gte", "between"):
            low = max(low, _narrow(known[0], unit, 1))
        if value.op in ("lt", "lte", "between"):
            high = min(high, _narrow(known[-1], unit, -1))
    if not low <= high or any(
        abs(b) >= MAX_EXACT_INTEGER and not math.isinf(b) for b in (low, high)
    ):
        return None
    if math.isinf(low) and math.isinf(high):
        return None
    ends = (None if math.isinf(end) else end for end in (low, high))
    return stored.between(_part(unit), *ends)


def _part(unit: units.Unit | None) -> str:
    return index_fields.dimension_key(unit) if unit else NUMBER


def _narrow(bound: float, unit: units.Unit | None, way: int) -> float:
    value = unit.to_si(bound) if unit else float(bound)
    zero = abs(unit.offset * unit.factor) if unit else 0.0
    moved = value + way * MARGIN * (abs(value) + zero)
    return math.nextafter(moved, way * math.inf)


def parameter_filter(node: Node, prefix: str) -> Filter:
    """Compiles a where clause on parameters. The name of a parameter determines its index field."""
    if isinstance(node, Or):
        return disjunction(parameter_filter(n, prefix) for n in node.nodes)
    parts: Sequence[Node] = node.nodes if isinstance(node, And) else (node,)
    by_name = [p for p in parts if isinstance(p, Compare) and p.field == "name"]
    wanted = [n for p in by_name if p.op in ("eq", "inq") for n in p.operands() if n is not None]
    nested = [parameter_filter(p, prefix) for p in parts if isinstance(p, Or)]
    if not wanted or len([p for p in by_name if p.op in ("eq", "inq")]) != 1:
        return conjunction([UNKNOWN, *nested])
    values = [p for p in parts if isinstance(p, Compare) and p.field == "value"]
    found = disjunction(
        superset(
            conjunction(
                [_has_parameter(name, prefix), *(_value_filter(name, v, prefix) for v in values)]
            ),
            certain_filter(name, parts, prefix),
        )
        for name in wanted
    )
    return conjunction([found, *nested])


def _has_parameter(name: str, prefix: str) -> Filter:
    """Returns the filter for rows with the parameter, or with a range stored as _min and _max."""
    listed = ", ".join(f'"{index_fields.digest(n)}"' for n in (name, f"{name}_min"))
    return Filter(f"{prefix}{index_fields.PARAMETER_NAMES} IN [{listed}]", exact=False)


def _value_filter(name: str, node: Compare, prefix: str) -> Filter:
    if node.test or node.op in ("neq", "nin"):
        return UNKNOWN
    stored = ParameterValues(name, prefix)
    unit = units.find(node.unit, name) if node.unit else None
    if node.unit and unit is None:
        return UNKNOWN  # rows in the same unknown unit can match
    ranged = f'{prefix}{index_fields.PARAMETER_NAMES} = "{index_fields.digest(f"{name}_min")}"'
    numbers = [coercion.as_number(v) for v in node.operands()]
    texts = [stored.between(_part(unit), *ends) for ends in _intervals(node.op, numbers, unit)]
    equal = [coercion.to_text(v) for v in node.operands() if v is not None]
    if node.op in ("eq", "inq") and equal:
        texts.append(stored.is_text(equal))
    if node.op not in ("eq", "inq") and any(n is None for n in numbers):
        texts.append(stored.has_text())
    return Filter(f"({' OR '.join([*texts, ranged, other_layout()])})", exact=False)


def _intervals(
    op: str, operands: list[float | None], unit: units.Unit | None
) -> list[tuple[float | None, float | None]]:
    """Returns slightly wider intervals that contain all matching numbers; None is no bound."""
    numbers = [unit.to_si(n) if unit else float(n) for n in operands if n is not None]
    zero = abs(unit.offset * unit.factor) if unit else 0.0

    def wide(value: float, way: int) -> float:
        return value + way * MARGIN * (abs(value) + zero)

    if op in ("eq", "inq"):
        return [(wide(n, -1), wide(n, 1)) for n in numbers]
    if len(numbers) != len(operands):
        return []
    if op == "between":
        return [(wide(numbers[0], -1), wide(numbers[1], 1))]
    if op in ("gt", "gte"):
        return [(wide(numbers[0], -1), None)]
    return [(None, wide(numbers[0], 1))]
