"""Compiles a filter into an expression of the search engine over the fields of the index.

The compiled filter selects every matching row, and possibly more. If it is `exact`, it selects no
other row. If not, `certain` may select rows that match for certain; the remaining candidates are
undecided and must be evaluated. Values are written as digests and numbers, so text of a request
never reaches the engine.
"""

from collections.abc import Callable
from typing import Any

from portal_shared.search import index_fields

from portal_gateway.engine import pattern_bounds
from portal_gateway.engine.filter import (
    ALL_ROWS,
    NO_ROWS,
    UNKNOWN,
    Filter,
    conjunction,
    disjunction,
    superset,
)
from portal_gateway.engine.parameter_bounds import (
    MAX_EXACT_INTEGER,
    parameter_filter,
)
from portal_gateway.engine.parameter_conditions import format_number
from portal_gateway.engine.technique_bounds import technique_leaf
from portal_gateway.filters.ast import EVERYTHING, And, Compare, Include, Node, Or, Search, Text
from portal_gateway.filters.schema import DATASET, Entity
from portal_gateway.filters.techniques import Names

_MEMBER_FIELDS = {
    f"{index_fields.MEMBERS}.": ("role",),
    f"{index_fields.MEMBERS}.person.": ("id", "fullName", "orcid", "lastName"),
    f"{index_fields.MEMBERS}.affiliation.": ("id", "name", "country"),
}
_OF_DATASETS = f"{index_fields.DATASET_FIELDS}."
_SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def compile_filter(search: Search, names: Names) -> Filter:
    """Compiles the where clause and the include conditions of a search."""
    leaf = _field_leaf(search.entity, "")
    parts = [_compile_node(search.where, leaf)]
    parts += [_include_filter(search.entity, i, names, "") for i in search.include]
    return conjunction(parts)


def dataset_search(one: Include) -> Search:
    """Returns the search for the datasets that satisfy an include of datasets."""
    return Search(DATASET, where=one.where, include=tuple(i for i in one.include if i.conditional))


def _compile_node(node: Node, leaf: Callable[[Compare | Text], Filter]) -> Filter:
    if isinstance(node, And):
        return conjunction(_compile_node(n, leaf) for n in node.nodes)
    if isinstance(node, Or):
        return disjunction(_compile_node(n, leaf) for n in node.nodes)
    return leaf(node)


def _field_leaf(entity: Entity, prefix: str) -> Callable[[Compare | Text], Filter]:
    """Returns the compiler of one condition on a record's own field."""

    def leaf(node: Compare | Text) -> Filter:
        if not prefix and (isinstance(node, Text) or _is_pattern(entity, node)):
            return _pattern_filter(entity, node)
        if isinstance(node, Text):
            return UNKNOWN
        kind = entity.fields[node.field]
        if kind == "boolean":
            return _public_filter(node)
        if kind in ("number", "date"):
            return _number_filter(f"{prefix}{index_fields.NUMBERS}.{node.field}", node)
        return _text_filter(f"{prefix}{index_fields.TEXT_DIGESTS}.{node.field}", node)

    return leaf


def _is_pattern(entity: Entity, node: Compare) -> bool:
    return node.test is not None and pattern_bounds.is_prepared(entity, node.field)


def _pattern_filter(entity: Entity, node: Compare | Text) -> Filter:
    by_text = isinstance(node, Text)
    may, certain = (
        pattern_bounds.text_bounds(entity, node) if by_text else pattern_bounds.compare_bounds(node)
    )
    return Filter(may, exact=False, certain=certain)


def _public_filter(node: Compare) -> Filter:
    """Compiles isPublic. Only public records are indexed."""
    wants_public = True in node.operands()
    return ALL_ROWS if wants_public is (node.op in ("eq", "inq")) else NO_ROWS


def _text_filter(field: str, node: Compare) -> Filter:
    """Compiles equality by digest, which is exact. Patterns and order cannot be narrowed."""
    return _equality_filter(field, node, lambda value: f'"{index_fields.digest(value)}"')


def _equality_filter(field: str, node: Compare, value: Callable[[Any], str]) -> Filter:
    if node.op not in ("eq", "neq", "inq", "nin"):
        return UNKNOWN if node.op in ("nlike", "nilike") else Filter(f"{field} EXISTS", exact=False)
    operands = node.operands()
    parts = [f"{field} NOT EXISTS"] if None in operands else []
    values = sorted({value(v) for v in operands if v is not None})
    if values:
        parts.append(f"{field} IN [{', '.join(values)}]")
    positive = node.op in ("eq", "inq")
    if not parts:
        return NO_ROWS if positive else ALL_ROWS
    text = parts[0] if len(parts) == 1 else f"({' OR '.join(parts)})"
    return Filter(text if positive else f"NOT ({text})", exact=True)


def _number_filter(field: str, node: Compare) -> Filter:
    operands = node.operands()
    if node.op in ("eq", "neq", "inq", "nin"):
        large = any(v is not None and abs(v) >= MAX_EXACT_INTEGER for v in operands)
        return UNKNOWN if large else _equality_filter(field, node, repr)
    if node.test:
        return UNKNOWN
    if any(v is None for v in operands):
        return NO_ROWS
    if any(abs(v) >= MAX_EXACT_INTEGER for v in operands):
        return Filter(f"{field} EXISTS", exact=False)
    if node.op == "between":
        low, high = operands
        inside = f"{field} {format_number(low)} TO {format_number(high)}"
        return NO_ROWS if low > high else Filter(inside, exact=True)
    return Filter(f"{field} {_SIGNS[node.op]} {format_number(operands[0])}", exact=True)


def _include_filter(entity: Entity, one: Include, names: Names, prefix: str) -> Filter:
    """Compiles the condition that a related row satisfies the include."""
    found = UNKNOWN
    match one.relation.entity if one.conditional else "":
        case "":
            found = ALL_ROWS
        case "Technique" if one.where != EVERYTHING:
            found = _compile_node(
                one.where, technique_leaf(f"{prefix}{index_fields.TECHNIQUES}", names)
            )
        case "Parameter":
            found = parameter_filter(one.where, prefix)
        case "Dataset" if entity.name == "Document":
            found = _datasets_filter(one, names)
        case "Instrument":
            found = _instrument_filter(one, f"{prefix}{index_fields.INSTRUMENT}.")
        case "Sample":
            found = _some_row_filter(one.where, _flat_leaf(f"{prefix}{index_fields.SAMPLES}."))
        case "Member":
            found = _member_filter(one)
        case _:
            pass
    return found


def _instrument_filter(one: Include, prefix: str) -> Filter:
    """Compiles conditions on the instrument. A record has at most one, so they are exact."""
    exists = Filter(f"{prefix}pid EXISTS", exact=True)
    found = conjunction([exists, _compile_node(one.where, _flat_leaf(prefix))])
    return superset(found) if any(i.conditional for i in one.include) else found


def _datasets_filter(one: Include, names: Names) -> Filter:
    """Compiles conditions on the datasets of a document.

    The index of documents has the values of all datasets together: if there are several, each
    condition may be satisfied by a different dataset. With one dataset the filter is exact.
    """
    nested = [i for i in one.include if i.conditional]
    parts = [_include_filter(DATASET, i, names, _OF_DATASETS) for i in nested]
    where = _compile_node(one.where, _field_leaf(DATASET, _OF_DATASETS))
    one_dataset = conjunction(
        [Filter(f"{index_fields.DATASET_COUNT} = 1", exact=True), *parts, where]
    )
    if any(_is_negative(i.where) for i in (one, *nested)):
        return disjunction(
            [one_dataset, Filter(f"NOT {index_fields.DATASET_COUNT} = 1", exact=False)]
        )
    if one.where != EVERYTHING:
        parts.append(_some_row_filter(one.where, _field_leaf(DATASET, _OF_DATASETS)))
    all_datasets = conjunction(parts)
    of_one_row = all(
        _is_single_positive(i.where) or i.relation.entity == "Parameter" for i in nested
    )
    if len(parts) == 1 and of_one_row:
        return all_datasets
    return superset(all_datasets, one_dataset.lower_bound)


def _some_row_filter(node: Node, leaf: Callable[[Compare | Text], Filter]) -> Filter:
    """Compiles the condition that some related row matches; exact for one positive condition."""
    if _is_negative(node):
        return UNKNOWN
    found = _compile_node(node, leaf)
    if found.text is None and not found.nothing:
        return UNKNOWN  # true of every related row, but there may be no related row
    return found if _is_single_positive(node) else superset(found)


def _is_single_positive(node: Node) -> bool:
    if isinstance(node, And):
        return len(node.nodes) == 1 and _is_single_positive(node.nodes[0])
    if isinstance(node, Or):
        return all(_is_single_positive(n) for n in node.nodes)
    return isinstance(node, Compare) and node.op in ("eq", "inq") and None not in node.operands()


def _is_negative(node: Node) -> bool:
    """Whether a row can match because a value is missing; the index cannot decide this."""
    if isinstance(node, And | Or):
        return any(_is_negative(n) for n in node.nodes)
    return isinstance(node, Compare) and (
        node.op in ("neq", "nin", "nlike", "nilike") or None in node.operands()
    )


def _flat_leaf(prefix: str) -> Callable[[Compare | Text], Filter]:
    def leaf(node: Compare | Text) -> Filter:
        return UNKNOWN if isinstance(node, Text) else _text_filter(prefix + node.field, node)

    return leaf


def _member_filter(one: Include) -> Filter:
    parts = [superset(_some_row_filter(one.where, _member_leaf(f"{index_fields.MEMBERS}.")))]
    for nested in one.include:
        where = f"{index_fields.MEMBERS}.{nested.relation.name}."
        parts.append(superset(_some_row_filter(nested.where, _member_leaf(where))))
    return superset(conjunction(parts))


def _member_leaf(prefix: str) -> Callable[[Compare | Text], Filter]:
    indexed = _MEMBER_FIELDS[prefix]

    def leaf(node: Compare | Text) -> Filter:
        if isinstance(node, Text) or node.field not in indexed:
            return UNKNOWN
        return _text_filter(prefix + node.field, node)

    return leaf
