"""Conditions on techniques: on the whole list of tags, each term standing for its descendants."""

from collections.abc import Iterator, Mapping, Sequence

from portal_shared.search import techniques

from portal_gateway.filters import predicates
from portal_gateway.filters.ast import All, Compare, Include, Node, Row, Some
from portal_gateway.filters.schema import TECHNIQUE

Names = Mapping[str, frozenset[str]]
"""Terms of the tags that are stored under a name, by its plain form."""

_NEGATED = {"nlike": "like", "nilike": "ilike"}


def is_deep(node: Compare) -> bool:
    return node.op in predicates.EQUALITIES and node.operand is not None


def terms(node: Compare, names: Names) -> frozenset[str]:
    """The terms that a deep condition names."""
    found: set[str] = set()
    for one in node.asked():
        if one is None:
            continue
        if node.field == "name":
            found |= techniques.find_terms(one) | names.get(
                techniques.normalize_label(one), frozenset()
            )
        else:
            found.add(techniques.term(one))
    return frozenset(found)


def meets(tag: Row, asked: frozenset[str]) -> bool:
    return not asked.isdisjoint(
        techniques.broader(techniques.term(tag.get("pid"), tag.get("panetId")))
    )


def matching(node: Node, tags: Sequence[Row], names: Names) -> list[int] | None:
    """The tags to show, by position; None when the list does not qualify."""
    if not _qualifies(node, tags, names):
        return None
    positive = list(_positive(node))
    if not positive:
        return list(range(len(tags)))
    return [
        index
        for index, tag in enumerate(tags)
        if any(_qualifies(condition, [tag], names) for condition in positive)
    ]


def _qualifies(node: Node, tags: Sequence[Row], names: Names) -> bool:
    if isinstance(node, All):
        return all(_qualifies(n, tags, names) for n in node.nodes)
    if isinstance(node, Some):
        return any(_qualifies(n, tags, names) for n in node.nodes)
    if isinstance(node, Compare):
        if is_deep(node):
            asked = terms(node, names)
            met = any(meets(tag, asked) for tag in tags)
            return met is (node.op in ("eq", "inq"))
        if node.op in _NEGATED:
            return all(predicates.holds(TECHNIQUE, node, tag) for tag in tags)
    return any(predicates.holds(TECHNIQUE, node, tag) for tag in tags)


def _positive(node: Node) -> Iterator[Node]:
    if isinstance(node, All | Some):
        for one in node.nodes:
            yield from _positive(one)
    elif not isinstance(node, Compare) or not (
        node.op in _NEGATED or (is_deep(node) and node.op in ("neq", "nin"))
    ):
        yield node


def names_asked(includes: Sequence[Include]) -> Iterator[str]:
    """The plain names that deep conditions anywhere in includes ask for."""
    for one in includes:
        if one.relation.entity == "Technique":
            yield from _names(one.where)
        yield from names_asked(one.include)


def _names(node: Node) -> Iterator[str]:
    if isinstance(node, All | Some):
        for one in node.nodes:
            yield from _names(one)
    elif isinstance(node, Compare) and node.field == "name" and is_deep(node):
        yield from (techniques.normalize_label(n) for n in node.asked() if n is not None)
