"""Parses the filter parameter: an expression, or a list of expressions."""

from collections.abc import Sequence
from typing import Any

from portal_local.search.errors import Failure
from portal_local.search.query.filter_ast import And, Node, Or, filter_failure
from portal_local.search.query.filter_grammar import Parser


def parse_filter(given: Any) -> "Node | None":
    """Parses a string, or a list (AND) of strings and lists (OR), to a syntax tree."""
    if given is None:
        return None
    if isinstance(given, str):
        return Parser(given).parse()
    if not isinstance(given, list):
        raise _not_a_filter("String, Array", given)
    nodes: list[Node] = []
    for part in _elements(given):
        if isinstance(part, str):
            node = Parser(part).parse()
        elif isinstance(part, list):
            node = _any_of(_elements(part))
        else:
            raise _not_a_filter("String, [String]", part)
        if node is not None:
            nodes.append(node)
    return And(tuple(nodes)) if nodes else None


def _any_of(parts: Sequence[Any]) -> "Node | None":
    nodes: list[Node] = []
    for part in parts:
        if not isinstance(part, str):
            raise _not_a_filter("String", part)
        node = Parser(part).parse()
        if node is not None:
            nodes.append(node)
    return Or(tuple(nodes)) if nodes else None


def _elements(given: Any) -> Sequence[Any]:
    return given


def _not_a_filter(expected: str, given: Any) -> Failure:
    shown = {None: "null", True: "true", False: "false"}.get(given) if _plain(given) else None
    return filter_failure(
        f"Invalid syntax for the filter parameter: `expected {expected}, found: {shown or given}`."
    )


def _plain(given: Any) -> bool:
    return given is None or isinstance(given, bool)
