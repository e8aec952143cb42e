"""Evaluates conditions on parameters. Numbers are compared with a tolerance in the given unit.

In a conjunction, a plain `unit` beside a condition on `value` is the unit of its operands.
Matching rows are returned in that unit.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

from portal_shared import units

from portal_gateway.filters import coercion, predicates
from portal_gateway.filters.ast import And, Compare, Node, Or, Row
from portal_gateway.filters.schema import PARAMETER

TOLERANCE = 1e-9
Match = tuple[bool, str | None]  # whether the row satisfies it, and the unit of the condition
NO_MATCH: Match = (False, None)


def bind_units(node: Node, unit: str | None = None, *, required: bool = False) -> Node:
    """Returns the tree with the unit set in each condition on a value.

    `unit` is the unit of the enclosing conjunction. `required`: a branch without a condition on
    the value selects only rows that have this unit.
    """
    parts = list(_conjuncts(node))
    own = next((p for p in parts if _plain_unit(p) and units.normalize(p.operand)), None)
    wanted = own.operand if own else unit
    direct = any(_on_value(p) for p in parts)
    below = [p for p in parts if isinstance(p, Or) and _mentions_value(p)]
    found: list[Node] = []
    for part in parts:
        if isinstance(part, Compare) and part.field == "value":
            found.append(replace(part, unit=wanted))
        elif isinstance(part, Or):
            used = part in below
            needs = used and not direct and (own is not None or required)
            branches = tuple(
                bind_units(b, wanted if used else None, required=needs) for b in part.nodes
            )
            found.append(Or(branches))
        elif _plain_unit(part) and (direct or below) and (part is own or not part.operand.strip()):
            continue  # it is the unit of the operands, not a condition of its own
        else:
            found.append(part)
    if required and own is None and unit and not direct and not below:
        found.append(Compare("unit", "eq", unit))
    return found[0] if len(found) == 1 else And(tuple(found))


def _conjuncts(node: Node) -> Iterator[Any]:
    if isinstance(node, And):
        for one in node.nodes:
            yield from _conjuncts(one)
    else:
        yield node


def _plain_unit(node: Any) -> bool:
    return (
        isinstance(node, Compare)
        and (node.field, node.op) == ("unit", "eq")
        and isinstance(node.operand, str)
    )


def _on_value(node: Node) -> bool:
    return isinstance(node, Compare) and node.field == "value"


def _mentions_value(node: Node) -> bool:
    if isinstance(node, And | Or):
        return any(_mentions_value(n) for n in node.nodes)
    return _on_value(node)


def matching_rows(node: Node, rows: Sequence[Row]) -> dict[int, str | None]:
    """Returns the positions of matching rows, each with the unit for the answer."""
    found: dict[int, str | None] = {}
    required = _required_names(node)
    for index, row in enumerate(rows):
        if required is not None and row["name"] not in required:
            continue  # the common case: the rest of the tree is not evaluated
        matches, unit = _match(node, row)
        if matches:
            found[index] = unit
    names = set(_names(node))
    if names:
        for name, low, high in _ranges(rows):
            if name in names:
                matches, unit = _match_range(node, name, rows[low], rows[high])
                if matches:
                    found.setdefault(low, unit)
                    found.setdefault(high, unit)
    return dict(sorted(found.items()))


def convert_row(row: Row, unit: str | None) -> Row:
    """Returns the row converted to the unit; unchanged without a unit or a conversion."""
    if not unit or not coercion.is_number(row["value"]):
        return row
    converted = _convert_value(row, unit)
    return row if converted is None else {**row, "value": _whole(converted), "unit": unit}


def _whole(value: float) -> float:
    """Turns 2000.0 into 2000."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15  # noqa: PLR2004
    return int(value) if whole else value


def _match(node: Node, row: Row) -> Match:
    if isinstance(node, And):
        found: list[str | None] = []
        for one in node.nodes:
            matches, unit = _match(one, row)
            if not matches:
                return NO_MATCH
            found.append(unit)
        return True, next((u for u in found if u), None)
    if isinstance(node, Or):
        return _first_match(_match(n, row) for n in node.nodes)
    if isinstance(node, Compare) and node.field == "value":
        return _value_satisfies(node, row), node.unit
    if isinstance(node, Compare) and node.field == "unit" and node.op in predicates.EQUALITIES:
        return predicates.compare_equality(
            node.op, node.operand, lambda unit: _same_unit(row.get("unit"), unit, row["name"])
        ), None
    return predicates.satisfies(PARAMETER, node, row), None


def _first_match(branches: Iterable[Match]) -> Match:
    """Returns the first match that has a unit, else the first match."""
    best = NO_MATCH
    for branch in branches:
        if branch[0] and branch[1]:
            return branch
        best = best if best[0] else branch
    return best


def _same_unit(stored: str | None, wanted: str | None, name: str) -> bool:
    a, b = units.normalize(stored or ""), units.normalize(wanted or "")
    if a == b:
        return True
    known, other = units.find(a, name), units.find(b, name)
    return known is not None and other is not None and known.is_same(other)


def _convert_value(row: Row, unit: str | None) -> float | None:
    """Returns the stored number in the unit, or None if it cannot be converted."""
    stored = row.get("unit")
    if not unit:
        return row["value"]
    if not stored:
        return None
    if units.normalize(stored) == units.normalize(unit):
        return row["value"]
    return units.convert(row["value"], stored, unit, row["name"])


def _value_satisfies(node: Compare, row: Row) -> bool:
    stored = row["value"]
    if not coercion.is_number(stored):
        if node.unit and not _same_unit(row.get("unit"), node.unit, row["name"]):
            return False
        return _text_satisfies(node, stored)
    value = _convert_value(row, node.unit)
    return value is not None and _number_satisfies(node, value)


def _number_satisfies(node: Compare, value: float) -> bool:
    if node.test:
        text = json.dumps(_whole(value) if node.unit else value)
        return node.test(text) is not node.op.startswith("n")
    if node.op in predicates.EQUALITIES:
        return predicates.compare_equality(node.op, node.operand, lambda x: _close(value, x))
    if node.op == "between":
        low, high = (_number(x) for x in node.operand)
        return (
            low is not None
            and high is not None
            and low <= high
            and _ordered("gte", value, low)
            and _ordered("lte", value, high)
        )
    bound_ = _number(node.operand)
    return bound_ is not None and _ordered(node.op, value, bound_)


def _text_satisfies(node: Compare, stored: str) -> bool:
    """Compares a text value. Text is never ordered against numbers, even if it looks like one."""
    ordering = node.op in ("gt", "gte", "lt", "lte", "between")
    if ordering and any(_number(x) is not None for x in node.operands()):
        return False
    if node.op in predicates.EQUALITIES:
        return predicates.compare_equality(
            node.op, node.operand, lambda x: x is not None and coercion.to_text(x) == stored
        )
    return predicates.satisfies(PARAMETER, node, {"value": stored})


def _number(operand: Any) -> float | None:
    if coercion.is_number(operand):
        return operand
    return coercion.parse_number(operand) if isinstance(operand, str) else None


def _close(value: float, operand: Any) -> bool:
    number = _number(operand)
    return number is not None and abs(value - number) <= TOLERANCE * max(abs(value), abs(number))


def _ordered(op: str, value: float, bound_: float) -> bool:
    if _close(value, bound_):
        return op in ("gte", "lte")
    return value > bound_ if op in ("gt", "gte") else value < bound_


def _names(node: Node) -> Iterator[str]:
    """Yields the parameter names in eq and inq conditions."""
    if isinstance(node, And | Or):
        for one in node.nodes:
            yield from _names(one)
    elif isinstance(node, Compare) and node.field == "name" and node.op in ("eq", "inq"):
        yield from (n for n in node.operands() if isinstance(n, str))


def _required_names(node: Node) -> frozenset[str] | None:
    """Returns the names that a matching row can have; None if it can have any name."""
    if isinstance(node, Compare):
        is_name = node.field == "name" and node.op in ("eq", "inq")
        return frozenset(n for n in node.operands() if isinstance(n, str)) if is_name else None
    if not isinstance(node, And | Or):
        return None
    below = [_required_names(n) for n in node.nodes]
    known = [names for names in below if names is not None]
    if isinstance(node, And):
        return reduce(frozenset[str].intersection, known) if known else None
    return frozenset[str]().union(*known) if len(known) == len(below) else None


def _ranges(rows: Sequence[Row]) -> Iterator[tuple[str, int, int]]:
    """Yields name and positions of numbers stored as a pair NAME_min and NAME_max."""
    numbers = {r["name"]: i for i, r in enumerate(rows) if coercion.is_number(r["value"])}
    for name, low in numbers.items():
        stem = name.removesuffix("_min")
        if stem != name and f"{stem}_max" in numbers:
            yield stem, low, numbers[f"{stem}_max"]


def _match_range(node: Node, name: str, low: Row, high: Row) -> Match:
    if isinstance(node, And):
        parts = [_match_range(n, name, low, high) for n in node.nodes]
        return all(h for h, _ in parts), next((u for _, u in parts if u), None)
    if isinstance(node, Or):
        return _first_match(_match_range(n, name, low, high) for n in node.nodes)
    if isinstance(node, Compare) and node.field == "value":
        a, b = _convert_value(low, node.unit), _convert_value(high, node.unit)
        return (a is not None and b is not None and _range_satisfies(node, a, b)), node.unit
    return _match(node, {**low, "name": name})


def _range_satisfies(node: Compare, low: float, high: float) -> bool:
    if node.op == "between":
        a, b = (_number(x) for x in node.operand)
        if a is None or b is None or a > b:
            return False
        return _ordered("gte", high, a) and _ordered("lte", low, b)
    if node.op in ("eq", "inq"):
        numbers = [n for n in map(_number, node.operands()) if n is not None]
        return any(_ordered("lte", low, n) and _ordered("gte", high, n) for n in numbers)
    number = _number(node.operand) if node.op in ("gt", "gte", "lt", "lte") else None
    if number is None:
        return False
    return _ordered(node.op, high if node.op.startswith("g") else low, number)
