"""Positions in an order of the engine, and the expression for the rows after a position.

The engine formats every row that it skips, so reading on after a row is cheaper than skipping.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from portal_shared.search import index_fields

from portal_gateway.engine.client import Hit

Value: TypeAlias = "str | float | None"
Position: TypeAlias = tuple[Value, ...]
"""The values of a row by the sort rules; None where it has none: such rows come last."""


@dataclass(frozen=True)
class SortRule:
    field: str
    descending: bool

    @property
    def many(self) -> bool:
        """Whether a row may have several values: its least counts, or its greatest descending."""
        return self.field.startswith(f"{index_fields.PARAMETERS}.")


def parse_sort(sort: Sequence[str]) -> list[SortRule]:
    """Parses sort rules, of which the last must be the order of pids."""
    parts = [text.rpartition(":") for text in sort]
    return [SortRule(field, direction == "desc") for field, _, direction in parts]


def sort_fields(sort: Sequence[str]) -> list[str]:
    """Returns the index fields that position_of() needs of a hit."""
    return [rule.field for rule in parse_sort(sort)]


def position_of(sort: Sequence[str], hit: Hit) -> Position:
    return tuple(_value(rule, hit) for rule in parse_sort(sort))


def _value(rule: SortRule, hit: Hit) -> Value:
    found: Any = hit
    for part in rule.field.split("."):
        found = found.get(part, {})
    if isinstance(found, list):
        values = cast("list[float]", found)
        return (max if rule.descending else min)(values) if values else None
    return None if found == {} else found


def rows_after(sort: Sequence[str], position: Position) -> str:
    """Returns the expression for the rows that come after the position.

    It is flat, because the engine limits how deeply a filter is nested.
    """
    equal: list[str] = []
    found: list[str] = []
    rules = parse_sort(sort)
    for rule, value in zip(rules, position, strict=True):
        if value is None:  # rows without a value are last: none comes after them by this rule
            equal.append(f"{rule.field} NOT EXISTS")
            continue
        missing = "" if rule is rules[-1] else f" OR {rule.field} NOT EXISTS"
        found.append(" AND ".join([*equal, f"({_beyond(rule, value)}{missing})"]))
        equal.append(_equal(rule, value))
    return f"({' OR '.join(found)})"


def _beyond(rule: SortRule, value: Value) -> str:
    sign, other = ("<", ">=") if rule.descending else (">", "<=")
    text = f"{rule.field} {sign} {_literal(value)}"
    return f"({text} AND NOT {rule.field} {other} {_literal(value)})" if rule.many else text


def _equal(rule: SortRule, value: Value) -> str:
    sign = ">" if rule.descending else "<"
    text = f"{rule.field} = {_literal(value)}"
    return f"({text} AND NOT {rule.field} {sign} {_literal(value)})" if rule.many else text


def _literal(value: Value) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value).replace("e+", "e")


def in_order(sort: Sequence[str], positions: Iterable[Position]) -> list[Position]:
    """Returns the positions in the order of the engine."""
    found = list(positions)
    for at, rule in reversed(list(enumerate(parse_sort(sort)))):
        present = [p for p in found if p[at] is not None]
        missing = [p for p in found if p[at] is None]
        present.sort(key=lambda p, at=at: cast("float", p[at]), reverse=rule.descending)
        found = present + missing
    return found


def both(*conditions: str | None) -> str | None:
    """Returns the expression for rows that satisfy all conditions; None: all rows."""
    listed = [f"({text})" for text in conditions if text]
    return " AND ".join(listed) if listed else None
