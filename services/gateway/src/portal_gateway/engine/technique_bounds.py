"""Compiles conditions on techniques: a term selects all rows that have it or a narrower term."""

from collections.abc import Callable

from portal_gateway.engine.filter import ALL_ROWS, NO_ROWS, UNKNOWN, Filter
from portal_gateway.filters import techniques
from portal_gateway.filters.ast import Compare, Text
from portal_gateway.filters.techniques import Names


def technique_leaf(field: str, names: Names) -> Callable[[Compare | Text], Filter]:
    """Returns the compiler of one condition; `field` has the tags' terms and broader terms."""

    def leaf(node: Compare | Text) -> Filter:
        if isinstance(node, Text) or not techniques.is_hierarchical(node):
            return UNKNOWN
        terms = sorted(techniques.find_terms(node, names))
        positive = node.op in ("eq", "inq")
        if not terms:
            return NO_ROWS if positive else ALL_ROWS
        listed = ", ".join(quote(t) for t in terms)
        text = f"{field} IN [{listed}]"
        return Filter(text if positive else f"NOT ({text})", exact=True)

    return leaf


def quote(text: str) -> str:
    """Returns a string literal of the filter language. Only terms are written like this."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
