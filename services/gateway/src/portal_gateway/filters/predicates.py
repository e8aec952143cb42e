"""Whether a row satisfies a condition: the meaning of every operator, on plain fields."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from portal_shared.search.index_fields import microseconds

from portal_gateway.filters.ast import All, Compare, Node, Row, Some, Text
from portal_gateway.filters.schema import Entity

EQUALITIES = frozenset(("eq", "neq", "inq", "nin"))
_NEGATIVE = frozenset(("neq", "nin", "nlike", "nilike"))


def holds(entity: Entity, node: Node, row: Row) -> bool:
    if isinstance(node, All):
        return all(holds(entity, n, row) for n in node.nodes)
    if isinstance(node, Some):
        return any(holds(entity, n, row) for n in node.nodes)
    if isinstance(node, Text):
        return any(node.test(text) for name in entity.text if (text := row.get(name)))
    stored = row.get(node.field)
    if isinstance(stored, list):
        return _list_holds(node, cast("list[Any]", stored))
    if stored is not None and entity.fields[node.field] == "date":
        return _holds(node, instant(stored), str(stored))
    return _holds(node, stored, stored)


def _list_holds(node: Compare, stored: list[Any]) -> bool:
    """Some element for the positive operators, no element for the negative ones."""
    if node.operand is None and node.op in ("eq", "neq"):
        return bool(stored) is (node.op == "neq")
    if not stored:
        return _holds(node, None, None)
    held = (_holds(node, element, element) for element in stored)
    return all(held) if node.op in _NEGATIVE else any(held)


def _holds(node: Compare, stored: Any, text: Any) -> bool:
    op, operand = node.op, node.operand
    if op in EQUALITIES:
        return by_equality(op, operand, lambda x: stored == x)
    if stored is None:
        return op in _NEGATIVE
    if node.test:
        found = node.test(text if isinstance(text, str) else json.dumps(text))
        return found is not op.startswith("n")
    if op == "between":
        low, high = operand
        return low is not None and high is not None and low <= stored <= high
    return operand is not None and _ORDER[op](stored, operand)


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}


def by_equality(op: str, operand: Any, same: Callable[[Any], bool]) -> bool:
    """eq, neq, inq, nin in terms of being the same."""
    found = any(map(same, operand)) if op in ("inq", "nin") else same(operand)
    return found is not (op in _NEGATIVE)


@lru_cache(maxsize=65_536)
def instant(text: str) -> int:
    """An instant as it is told, in microseconds since 1970."""
    return microseconds(datetime.fromisoformat(text))
