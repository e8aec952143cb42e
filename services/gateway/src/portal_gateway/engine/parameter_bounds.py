"""Compiles conditions on parameters into a superset and a lower bound of the matching rows.

The few rows between the two bounds must be evaluated: numbers next to a bound, rows with several
parameters of one name, and values in unknown units.
"""

import math
from collections.abc import Sequence

from portal_shared import units
from portal_shared.search import index_fields

from portal_gateway.engine.filter import UNKNOWN, Filter, conjunction, disjunction, superset
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
    field = f"{prefix}{index_fields.PARAMETERS}.{index_fields.parameter_key(name)}"
    if not values:
        return f'{prefix}{index_fields.PARAMETER_NAMES} = "{index_fields.digest(name)}"'
    if all(v.op in _RANGES for v in values):
        return _within_bounds(name, values, field)
    one = values[0]
    if len(values) == 1 and one.op in ("eq", "inq") and not one.unit:
        texts = sorted({index_fields.digest(v) for v in one.operands() if isinstance(v, str)})
        return f"{field}.s IN [{', '.join(texts)}]" if texts else None
    return None


def _within_bounds(name: str, values: Sequence[Compare], field: str) -> str | None:
    """Returns the condition that one number lies within slightly narrower bounds."""
    unit = units.find(values[0].unit, name) if values[0].unit else None
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
    part = f"{field}.{index_fields.dimension_key(unit) if unit else 'v'}"
    bounds = [f"{part} >= {format_number(low)}"] if math.isfinite(low) else []
    bounds += [f"{part} <= {format_number(high)}"] if math.isfinite(high) else []
    if len(bounds) > 1:  # a range is tested on one number; two conditions could match two numbers
        return f"{part} {format_number(low)} TO {format_number(high)}"
    return bounds[0] if bounds else None


def _narrow(bound: float, unit: units.Unit | None, way: int) -> float:
    value = unit.to_si(bound) if unit else float(bound)
    zero = abs(unit.offset * unit.factor) if unit else 0.0
    moved = value + way * MARGIN * (abs(value) + zero)
    return math.nextafter(moved, way * math.inf)


def format_number(number: float) -> str:
    return repr(number).replace("e+", "e")


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
    field = f"{prefix}{index_fields.PARAMETERS}.{index_fields.parameter_key(name)}"
    unit = units.find(node.unit, name) if node.unit else None
    if node.unit and unit is None:
        return UNKNOWN  # rows in the same unknown unit can match
    part = index_fields.dimension_key(unit) if unit else "v"
    ranged = f'{prefix}{index_fields.PARAMETER_NAMES} = "{index_fields.digest(f"{name}_min")}"'
    numbers = [coercion.as_number(v) for v in node.operands()]
    texts = [f"{field}.{part} {a}" for a in _intervals(node.op, numbers, unit)]
    texts += [
        f'{field}.s = "{index_fields.digest(coercion.to_text(v))}"'
        for v in node.operands()
        if node.op in ("eq", "inq") and v is not None
    ]
    if node.op not in ("eq", "inq") and any(n is None for n in numbers):
        texts.append(f"{field}.s EXISTS")
    return Filter(f"({' OR '.join([*texts, ranged])})", exact=False)


def _intervals(op: str, operands: list[float | None], unit: units.Unit | None) -> list[str]:
    """Returns slightly wider intervals that contain all matching numbers."""
    numbers = [unit.to_si(n) if unit else float(n) for n in operands if n is not None]
    zero = abs(unit.offset * unit.factor) if unit else 0.0

    def wide(value: float, way: int) -> str:
        return format_number(value + way * MARGIN * (abs(value) + zero))

    if op in ("eq", "inq"):
        return [f"{wide(n, -1)} TO {wide(n, 1)}" for n in numbers]
    if len(numbers) != len(operands):
        return []
    if op == "between":
        return [f"{wide(numbers[0], -1)} TO {wide(numbers[1], 1)}"]
    if op in ("gt", "gte"):
        return [f">= {wide(numbers[0], -1)}"]
    return [f"<= {wide(numbers[0], 1)}"]
