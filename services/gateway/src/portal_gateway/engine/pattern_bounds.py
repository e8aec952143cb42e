"""Patterns as the engine narrows them: by runs of three characters, and by whole words.

A text that a pattern occurs in has all runs of three characters that the pattern has; and a text
that has a word contains it. Between the two are the rows whose text is looked at.
"""

import re

from portal_shared.search import index_fields

from portal_gateway.filters.ast import Compare, Text
from portal_gateway.filters.schema import COLLECTIONS, Entity

MOST_GRAMS = 24  # of one pattern: more narrow no further
_WILD = re.compile(r"[%_]+")
_LIKE = {"like": "like", "nlike": "like", "ilike": "ilike", "nilike": "ilike"}
Bounds = tuple[str | None, str | None]
"""What all that satisfy it satisfy (None: any may), and what is certain (None: of no row)."""


def prepares(entity: Entity, field: str) -> bool:
    index = COLLECTIONS.get(entity.name)
    return index is not None and field in index_fields.PATTERN_FIELDS[index]


def compare(node: Compare) -> Bounds:
    """Of like and its kin."""
    if node.op not in _LIKE:
        return f"eq.{node.field} EXISTS", None  # an expression
    may, sure = _bounds(node.field, node.operand, case=_LIKE[node.op] == "like")
    if node.op in ("like", "ilike"):
        return may or f"eq.{node.field} EXISTS", sure
    return _not(sure), _not(may)


def text(entity: Entity, node: Text) -> Bounds:
    """It occurs in any text of the entity."""
    bounds = [_bounds(field, node.pattern, case=False) for field in entity.text]
    may = [b for b, _ in bounds if b]
    sure = [b for _, b in bounds if b]
    whole = len(may) == len(bounds)
    return _any(may) if whole else None, _any(sure) if sure else None


def _bounds(field: str, pattern: str, *, case: bool) -> Bounds:
    runs = [r for r in _WILD.split(pattern) if r]
    grams = sorted(set[str]().union(*map(index_fields.grams, runs)))[:MOST_GRAMS]
    may = " AND ".join(f"g.{field} = {gram}" for gram in grams)
    word = index_fields.single_word_digest(runs[0]) if len(runs) == 1 and not case else None
    wild = _WILD.search(pattern.strip("%")) is not None
    sure = f"w.{field} = {word}" if word and not wild else None
    return (f"({may})" if may else None), sure


def _not(bound: str | None) -> str | None:
    return f"NOT ({bound})" if bound else None


def _any(bounds: list[str]) -> str:
    return f"({' OR '.join(bounds)})"
