"""Tests whether a row satisfies a condition: the meaning of every operator on plain fields."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from portal_shared.contracts.identifiers import bare_doi
from portal_shared.search.index_fields import microseconds

from portal_gateway.filters.ast import And, Compare, Node, Or, Row, Text
from portal_gateway.filters.schema import Entity, Kind

EQUALITIES = frozenset(("eq", "neq", "inq", "nin"))
_NEGATIVE = frozenset(("neq", "nin", "nlike", "nilike"))


def satisfies(entity: Entity, node: Node, row: Row) -> bool:
    """Whether the row of this entity satisfies the condition."""
    if isinstance(node, And):
        return all(satisfies(entity, n, row) for n in node.nodes)
    if isinstance(node, Or):
        return any(satisfies(entity, n, row) for n in node.nodes)
    if isinstance(node, Text):
        return any(node.test(text) for name in entity.text_fields if (text := row.get(name)))
    stored = row.get(node.field)
    if isinstance(stored, list):
        return _list_satisfies(node, cast("list[Any]", stored))
    compared = _COMPARED.get(entity.fields[node.field])
    if stored is not None and compared:
        return _value_satisfies(node, compared(stored), str(stored))
    return _value_satisfies(node, stored, stored)


def _list_satisfies(node: Compare, stored: list[Any]) -> bool:
    """A positive operator needs one matching element; a negative one must be true of all."""
    if node.operand is None and node.op in ("eq", "neq"):
        return bool(stored) is (node.op == "neq")
    if not stored:
        return _value_satisfies(node, None, None)
    results = (_value_satisfies(node, element, element) for element in stored)
    return all(results) if node.op in _NEGATIVE else any(results)


def _value_satisfies(node: Compare, stored: Any, text: Any) -> bool:
    op, operand = node.op, node.operand
    if op in EQUALITIES:
        return compare_equality(op, operand, lambda x: stored == x)
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


def compare_equality(op: str, operand: Any, same: Callable[[Any], bool]) -> bool:
    """Evaluates eq, neq, inq or nin; `same` compares the stored value with one operand."""
    found = any(map(same, operand)) if op in ("inq", "nin") else same(operand)
    return found is not (op in _NEGATIVE)


@lru_cache(maxsize=65_536)
def parse_instant(text: str) -> int:
    """Returns the microseconds since 1970 of an ISO 8601 time of a record."""
    return microseconds(datetime.fromisoformat(text))


_COMPARED: dict[Kind, Callable[[str], Any]] = {"date": parse_instant, "doi": bare_doi}
