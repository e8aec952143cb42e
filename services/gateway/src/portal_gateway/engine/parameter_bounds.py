"""Which parameters certainly satisfy a condition: a little less than all that do.

Between what certainly satisfies a filter and what may satisfy it are the few rows that have to be
looked at: numbers at a bound, rows with several parameters of one name, units that nobody knows.
"""

import math
from collections.abc import Sequence

from portal_shared import units
from portal_shared.search import index_fields

from portal_gateway.filters import coercion
from portal_gateway.filters.ast import Compare, Node

MARGIN = 1e-8  # more than the tolerance of quantities
LARGEST = 2**53
_RANGES = frozenset(("gt", "gte", "lt", "lte", "between"))


def parameters(name: str, parts: Sequence[Node], prefix: str) -> str | None:
    """Of the conjunction about one name; None where nothing is certain."""
    values = [p for p in parts if isinstance(p, Compare) and p.field == "value"]
    if len(values) + 1 != len(parts):
        return None  # it has conditions beside name and value
    field = f"{prefix}p.{index_fields.parameter_key(name)}"
    if not values:
        return f'{prefix}pn = "{index_fields.digest(name)}"'
    if all(v.op in _RANGES for v in values):
        return _inside(name, values, field)
    one = values[0]
    if len(values) == 1 and one.op in ("eq", "inq") and not one.unit:
        texts = sorted({index_fields.digest(v) for v in one.asked() if isinstance(v, str)})
        return f"{field}.s IN [{', '.join(texts)}]" if texts else None
    return None


def _inside(name: str, values: Sequence[Compare], field: str) -> str | None:
    """One number within all bounds, a little narrower."""
    unit = units.find(values[0].unit, name) if values[0].unit else None
    if values[0].unit and unit is None:
        return None
    low, high = -math.inf, math.inf
    for value in values:
        numbers = [coercion.asked_number(o) for o in value.asked()]
        known = [n for n in numbers if n is not None]
        if len(known) != len(numbers):
            return None
        if value.op in ("gt", "gte", "between"):
            low = max(low, _narrow(known[0], unit, 1))
        if value.op in ("lt", "lte", "between"):
            high = min(high, _narrow(known[-1], unit, -1))
    if not low <= high or any(abs(b) >= LARGEST and not math.isinf(b) for b in (low, high)):
        return None
    part = f"{field}.{index_fields.dimension_key(unit) if unit else 'v'}"
    bounds = [f"{part} >= {shown(low)}"] if math.isfinite(low) else []
    bounds += [f"{part} <= {shown(high)}"] if math.isfinite(high) else []
    if len(bounds) > 1:  # of one number, not of two
        return f"{part} {shown(low)} TO {shown(high)}"
    return bounds[0] if bounds else None


def _narrow(bound: float, unit: units.Unit | None, way: int) -> float:
    value = unit.to_si(bound) if unit else float(bound)
    zero = abs(unit.offset * unit.factor) if unit else 0.0
    moved = value + way * MARGIN * (abs(value) + zero)
    return math.nextafter(moved, way * math.inf)


def shown(number: float) -> str:
    return repr(number).replace("e+", "e")
