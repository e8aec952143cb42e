"""Evaluates conditions on techniques. A term of the ontology includes all its descendants."""

from collections.abc import Iterator, Mapping, Sequence

from portal_shared.search import techniques

from portal_gateway.filters import predicates
from portal_gateway.filters.ast import And, Compare, Include, Node, Or, Row
from portal_gateway.filters.schema import TECHNIQUE

Names = Mapping[str, frozenset[str]]
"""Terms of stored technique tags, by the plain form of the tag's name."""

_NEGATED = {"nlike": "like", "nilike": "ilike"}


def is_hierarchical(node: Compare) -> bool:
    """Whether the condition also selects descendants of its terms."""
    return node.op in predicates.EQUALITIES and node.operand is not None


def find_terms(node: Compare, names: Names) -> frozenset[str]:
    """Returns the ontology terms that a hierarchical condition names."""
    found: set[str] = set()
    for one in node.operands():
        if one is None:
            continue
        if node.field == "name":
            found |= techniques.find_terms(one) | names.get(
                techniques.normalize_label(one), frozenset()
            )
        else:
            found.add(techniques.term(one))
    return frozenset(found)


def has_term(tag: Row, wanted: frozenset[str]) -> bool:
    """Whether the tag's term, or one of its broader terms, is wanted."""
    return not wanted.isdisjoint(
        techniques.broader(techniques.term(tag.get("pid"), tag.get("panetId")))
    )


def matching_tags(node: Node, tags: Sequence[Row], names: Names) -> list[int] | None:
    """Returns the positions of the tags to show, or None if the tags do not satisfy it."""
    if not _satisfies(node, tags, names):
        return None
    positive = list(_positive_conditions(node))
    if not positive:
        return list(range(len(tags)))
    return [
        index
        for index, tag in enumerate(tags)
        if any(_satisfies(condition, [tag], names) for condition in positive)
    ]


def _satisfies(node: Node, tags: Sequence[Row], names: Names) -> bool:
    if isinstance(node, And):
        return all(_satisfies(n, tags, names) for n in node.nodes)
    if isinstance(node, Or):
        return any(_satisfies(n, tags, names) for n in node.nodes)
    if isinstance(node, Compare):
        if is_hierarchical(node):
            wanted = find_terms(node, names)
            found = any(has_term(tag, wanted) for tag in tags)
            return found is (node.op in ("eq", "inq"))
        if node.op in _NEGATED:
            return all(predicates.satisfies(TECHNIQUE, node, tag) for tag in tags)
    return any(predicates.satisfies(TECHNIQUE, node, tag) for tag in tags)


def _positive_conditions(node: Node) -> Iterator[Node]:
    if isinstance(node, And | Or):
        for one in node.nodes:
            yield from _positive_conditions(one)
    elif not isinstance(node, Compare) or not (
        node.op in _NEGATED or (is_hierarchical(node) and node.op in ("neq", "nin"))
    ):
        yield node


def queried_names(includes: Sequence[Include]) -> Iterator[str]:
    """Yields the plain technique names of hierarchical conditions, in includes at any depth."""
    for one in includes:
        if one.relation.entity == "Technique":
            yield from _queried_names(one.where)
        yield from queried_names(one.include)


def _queried_names(node: Node) -> Iterator[str]:
    if isinstance(node, And | Or):
        for one in node.nodes:
            yield from _queried_names(one)
    elif isinstance(node, Compare) and node.field == "name" and is_hierarchical(node):
        yield from (techniques.normalize_label(n) for n in node.operands() if n is not None)
