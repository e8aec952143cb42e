"""Evaluates filters: which documents a filter selects."""

from collections.abc import Callable, Mapping, Sequence

from portal_local.search.index.facets import Facets, Field
from portal_local.search.query.filter_ast import And, Condition, Node, Not, Or, filter_failure


class FilterEvaluator:
    """Evaluates filters over the facets of one index.

    `allowed` takes a field and an operator; it returns None if a filter may use them, else an error
    message.
    """

    def __init__(
        self, facets: Facets, everything: int, allowed: Callable[[str, str], str | None]
    ) -> None:
        self._facets = facets
        self._everything = everything
        self._allowed = allowed

    def evaluate(self, node: "Node | None") -> int:
        if node is None:
            return self._everything
        if isinstance(node, Not):
            return self._everything & ~self.evaluate(node.node)
        if isinstance(node, And):
            found = self._everything
            for part in node.nodes:
                found &= self.evaluate(part)
            return found
        if isinstance(node, Or):
            found = 0
            for part in node.nodes:
                found |= self.evaluate(part)
            return found
        return self._condition(node)

    def _condition(self, node: Condition) -> int:
        reason = self._allowed(node.field, node.operator)
        if reason:
            raise filter_failure(f"{reason}\n{node.place}")
        found = _OPERATORS[node.operator](self._facets.field(node.field), node.values)
        return self._everything & ~found if node.operator == "!=" else found


def _any(field: Field, values: Sequence[str]) -> int:
    found = 0
    for value in values:
        found |= field.equal(value)
    return found


_OPERATORS: Mapping[str, Callable[[Field, Sequence[str]], int]] = {
    "=": _any,
    "!=": _any,
    "IN": _any,
    ">": lambda field, values: field.between(values[0], None, open_ends=True),
    ">=": lambda field, values: field.between(values[0], None, open_ends=False),
    "<": lambda field, values: field.between(None, values[0], open_ends=True),
    "<=": lambda field, values: field.between(None, values[0], open_ends=False),
    "TO": lambda field, values: field.between(values[0], values[1], open_ends=False),
    "EXISTS": lambda field, _values: field.present,
    "NULL": lambda field, _values: field.null,
    "EMPTY": lambda field, _values: field.empty,
    "STARTS": lambda field, values: field.beginning(values[0]),
}
