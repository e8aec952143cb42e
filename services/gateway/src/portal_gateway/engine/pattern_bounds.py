"""Compiles patterns into a superset and a lower bound of the matching rows.

A text that contains a pattern has all its runs of three characters (superset). A text that has the
pattern as a whole word contains it (lower bound). Other candidates must be evaluated.
"""

import re

from portal_shared.search import index_fields

from portal_gateway.filters.ast import Compare, Text
from portal_gateway.filters.schema import COLLECTIONS, Entity

MAX_GRAMS = 24  # of one pattern; more do not narrow the search further
_WILD = re.compile(r"[%_]+")
_LIKE = {"like": "like", "nlike": "like", "ilike": "ilike", "nilike": "ilike"}
Bounds = tuple[str | None, str | None]
"""Expression for a superset (None: all rows), and for rows that match for certain (None: none)."""


def is_prepared(entity: Entity, field: str) -> bool:
    index = COLLECTIONS.get(entity.name)
    return index is not None and field in index_fields.PATTERN_FIELDS[index]


def compare_bounds(node: Compare) -> Bounds:
    """Returns the bounds of a condition with like, ilike, their negations or regexp."""
    if node.op not in _LIKE:
        return f"{index_fields.TEXT_DIGESTS}.{node.field} EXISTS", None  # regexp
    candidates, certain = _bounds(node.field, node.operand, case=_LIKE[node.op] == "like")
    if node.op in ("like", "ilike"):
        return candidates or f"{index_fields.TEXT_DIGESTS}.{node.field} EXISTS", certain
    return _not(certain), _not(candidates)


def text_bounds(entity: Entity, node: Text) -> Bounds:
    """Returns the bounds of the condition that a text field of the entity has the pattern."""
    bounds = [_bounds(field, node.pattern, case=False) for field in entity.text_fields]
    candidates = [b for b, _ in bounds if b]
    certain = [b for _, b in bounds if b]
    all_bounded = len(candidates) == len(bounds)
    return _any(candidates) if all_bounded else None, _any(certain) if certain else None


def _bounds(field: str, pattern: str, *, case: bool) -> Bounds:
    runs = [r for r in _WILD.split(pattern) if r]
    grams = sorted(set[str]().union(*map(index_fields.grams, runs)))[:MAX_GRAMS]
    candidates = " AND ".join(f"{index_fields.GRAMS}.{field} = {gram}" for gram in grams)
    word = index_fields.single_word_digest(runs[0]) if len(runs) == 1 and not case else None
    wild = _WILD.search(pattern.strip("%")) is not None
    certain = f"{index_fields.WORDS}.{field} = {word}" if word and not wild else None
    return (f"({candidates})" if candidates else None), certain


def _not(bound: str | None) -> str | None:
    return f"NOT ({bound})" if bound else None


def _any(bounds: list[str]) -> str:
    return f"({' OR '.join(bounds)})"
