"""Conditions on parameters: numbers with tolerance, compared in the unit that was asked for.

Within a conjunction a plain `unit` beside a condition on `value` says in which unit its operands
are. Rows that matched are answered in that unit.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

from portal_shared import units

from portal_gateway.filters import coercion, predicates
from portal_gateway.filters.ast import All, Compare, Node, Row, Some
from portal_gateway.filters.schema import PARAMETER

TOLERANCE = 1e-9
Held = tuple[bool, str | None]  # and the unit that was asked for
_NO: Held = (False, None)


def bound(node: Node, unit: str | None = None, *, required: bool = False) -> Node:
    """With each condition on a value knowing its unit.

    `unit` is the one of the conjunction around it; `required`: a branch that has no value to
    compare must have that unit itself.
    """
    parts = list(_conjuncts(node))
    own = next((p for p in parts if _plain_unit(p) and units.normalize(p.operand)), None)
    asked = own.operand if own else unit
    direct = any(_on_value(p) for p in parts)
    below = [p for p in parts if isinstance(p, Some) and _mentions_value(p)]
    found: list[Node] = []
    for part in parts:
        if isinstance(part, Compare) and part.field == "value":
            found.append(replace(part, unit=asked))
        elif isinstance(part, Some):
            used = part in below
            needs = used and not direct and (own is not None or required)
            branches = tuple(bound(b, asked if used else None, required=needs) for b in part.nodes)
            found.append(Some(branches))
        elif _plain_unit(part) and (direct or below) and (part is own or not part.operand.strip()):
            continue  # it tells the unit of the operands: no condition of its own
        else:
            found.append(part)
    if required and own is None and unit and not direct and not below:
        found.append(Compare("unit", "eq", unit))
    return found[0] if len(found) == 1 else All(tuple(found))


def _conjuncts(node: Node) -> Iterator[Any]:
    if isinstance(node, All):
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
    if isinstance(node, All | Some):
        return any(_mentions_value(n) for n in node.nodes)
    return _on_value(node)


def matching(node: Node, rows: Sequence[Row]) -> dict[int, str | None]:
    """The rows that satisfy it, by position, each with the unit it is to be told in."""
    found: dict[int, str | None] = {}
    required = _required(node)
    for index, row in enumerate(rows):
        if required is not None and row["name"] not in required:
            continue  # most rows: spared the rest of the tree
        held, unit = _held(node, row)
        if held:
            found[index] = unit
    names = set(_names(node))
    if names:
        for name, low, high in _ranges(rows):
            if name in names:
                held, unit = _range_held(node, name, rows[low], rows[high])
                if held:
                    found.setdefault(low, unit)
                    found.setdefault(high, unit)
    return dict(sorted(found.items()))


def told(row: Row, unit: str | None) -> Row:
    """The row in the unit asked for; as it is stored where none was."""
    if not unit or not coercion.is_number(row["value"]):
        return row
    converted = _in_unit(row, unit)
    return row if converted is None else {**row, "value": _whole(converted), "unit": unit}


def _whole(value: float) -> float:
    """2000.0 is told as 2000."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15  # noqa: PLR2004
    return int(value) if whole else value


def _held(node: Node, row: Row) -> Held:
    if isinstance(node, All):
        units_asked: list[str | None] = []
        for one in node.nodes:
            held, unit = _held(one, row)
            if not held:
                return _NO
            units_asked.append(unit)
        return True, next((u for u in units_asked if u), None)
    if isinstance(node, Some):
        return _any_of(_held(n, row) for n in node.nodes)
    if isinstance(node, Compare) and node.field == "value":
        return _value_holds(node, row), node.unit
    if isinstance(node, Compare) and node.field == "unit" and node.op in predicates.EQUALITIES:
        return predicates.by_equality(
            node.op, node.operand, lambda unit: _same_unit(row.get("unit"), unit, row["name"])
        ), None
    return predicates.holds(PARAMETER, node, row), None


def _any_of(branches: Iterable[Held]) -> Held:
    """Of the branches that hold the first that asks for a unit, else the first."""
    held = _NO
    for branch in branches:
        if branch[0] and branch[1]:
            return branch
        held = held if held[0] else branch
    return held


def _same_unit(stored: str | None, asked: str | None, name: str) -> bool:
    a, b = units.normalize(stored or ""), units.normalize(asked or "")
    if a == b:
        return True
    known = units.find(a, name)
    return known is not None and known == units.find(b, name)


def _in_unit(row: Row, unit: str | None) -> float | None:
    """The stored number in the unit asked for; None where there is no way."""
    stored = row.get("unit")
    if not unit:
        return row["value"]
    if not stored:
        return None
    if units.normalize(stored) == units.normalize(unit):
        return row["value"]
    return units.convert(row["value"], stored, unit, row["name"])


def _value_holds(node: Compare, row: Row) -> bool:
    stored = row["value"]
    if not coercion.is_number(stored):
        if node.unit and not _same_unit(row.get("unit"), node.unit, row["name"]):
            return False
        return _text_holds(node, stored)
    value = _in_unit(row, node.unit)
    return value is not None and _number_holds(node, value)


def _number_holds(node: Compare, value: float) -> bool:
    if node.test:
        text = json.dumps(_whole(value) if node.unit else value)
        return node.test(text) is not node.op.startswith("n")
    if node.op in predicates.EQUALITIES:
        return predicates.by_equality(node.op, node.operand, lambda x: _close(value, x))
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


def _text_holds(node: Compare, stored: str) -> bool:
    """A text that says a number stays a text: no order between it and numbers."""
    ordering = node.op in ("gt", "gte", "lt", "lte", "between")
    if ordering and any(_number(x) is not None for x in node.asked()):
        return False
    if node.op in predicates.EQUALITIES:
        return predicates.by_equality(
            node.op, node.operand, lambda x: x is not None and coercion.text(x) == stored
        )
    return predicates.holds(PARAMETER, node, {"value": stored})


def _number(operand: Any) -> float | None:
    if coercion.is_number(operand):
        return operand
    return coercion.numeric(operand) if isinstance(operand, str) else None


def _close(value: float, operand: Any) -> bool:
    number = _number(operand)
    return number is not None and abs(value - number) <= TOLERANCE * max(abs(value), abs(number))


def _ordered(op: str, value: float, bound_: float) -> bool:
    if _close(value, bound_):
        return op in ("gte", "lte")
    return value > bound_ if op in ("gt", "gte") else value < bound_


def _names(node: Node) -> Iterator[str]:
    """The names that conditions ask for."""
    if isinstance(node, All | Some):
        for one in node.nodes:
            yield from _names(one)
    elif isinstance(node, Compare) and node.field == "name" and node.op in ("eq", "inq"):
        yield from (n for n in node.asked() if isinstance(n, str))


def _required(node: Node) -> frozenset[str] | None:
    """One of these names has every row that satisfies it; None: it may have any."""
    if isinstance(node, Compare):
        named = node.field == "name" and node.op in ("eq", "inq")
        return frozenset(n for n in node.asked() if isinstance(n, str)) if named else None
    if not isinstance(node, All | Some):
        return None
    below = [_required(n) for n in node.nodes]
    known = [names for names in below if names is not None]
    if isinstance(node, All):
        return reduce(frozenset[str].intersection, known) if known else None
    return frozenset[str]().union(*known) if len(known) == len(below) else None


def _ranges(rows: Sequence[Row]) -> Iterator[tuple[str, int, int]]:
    """Pairs NAME_min, NAME_max of numbers."""
    numbers = {r["name"]: i for i, r in enumerate(rows) if coercion.is_number(r["value"])}
    for name, low in numbers.items():
        stem = name.removesuffix("_min")
        if stem != name and f"{stem}_max" in numbers:
            yield stem, low, numbers[f"{stem}_max"]


def _range_held(node: Node, name: str, low: Row, high: Row) -> Held:
    if isinstance(node, All):
        parts = [_range_held(n, name, low, high) for n in node.nodes]
        return all(h for h, _ in parts), next((u for _, u in parts if u), None)
    if isinstance(node, Some):
        return _any_of(_range_held(n, name, low, high) for n in node.nodes)
    if isinstance(node, Compare) and node.field == "value":
        a, b = _in_unit(low, node.unit), _in_unit(high, node.unit)
        return (a is not None and b is not None and _meets(node, a, b)), node.unit
    return _held(node, {**low, "name": name})


def _meets(node: Compare, low: float, high: float) -> bool:
    if node.op == "between":
        a, b = (_number(x) for x in node.operand)
        if a is None or b is None or a > b:
            return False
        return _ordered("gte", high, a) and _ordered("lte", low, b)
    if node.op in ("eq", "inq"):
        numbers = [n for n in map(_number, node.asked()) if n is not None]
        return any(_ordered("lte", low, n) and _ordered("gte", high, n) for n in numbers)
    number = _number(node.operand) if node.op in ("gt", "gte", "lt", "lte") else None
    if number is None:
        return False
    return _ordered(node.op, high if node.op.startswith("g") else low, number)
