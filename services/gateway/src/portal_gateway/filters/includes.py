"""Evaluates includes: decides which parent rows remain and selects their related rows.

All related rows have been loaded before.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, cast

from portal_shared.search import index_fields

from portal_gateway.filters import parameters, predicates, techniques
from portal_gateway.filters.ast import EVERYTHING, Include, PageOptions, Row
from portal_gateway.filters.schema import DATASET, ENTITIES, PARAMETER, TECHNIQUE, Entity
from portal_gateway.filters.techniques import Names

Matched: TypeAlias = list[tuple[int, Row]]  # rows by their position in the relation


def select_relations(
    entity: Entity,
    row: Row,
    includes: Sequence[Include],
    names: Names,
    *,
    in_list: bool = False,
    keep_parent: bool = False,
) -> Row | None:
    """Returns the selected related rows by relation, or None if a condition excludes the row.

    `in_list`: the row is an item of the list itself; a dataset then has all its parameters.
    `keep_parent`: conditions limit the related rows but never exclude the row.
    """
    selection: dict[str, Any] = {}
    for relation in dict.fromkeys(i.relation for i in includes):
        related = _related(row, relation.name)
        wanted = [i for i in includes if i.relation == relation]
        matched: list[tuple[Include, Matched]] = []
        for one in wanted:
            satisfying = _matching_rows(one, related, names)
            if satisfying is None and not keep_parent:
                return None
            matched.append((one, satisfying or []))
        if relation.entity == PARAMETER.name and len(matched) > 1:
            matched = _in_same_unit(matched, related)
        if in_list and entity is DATASET and relation.name == "parameters":
            matched = _every_row(matched, related)
        found: dict[int, Row] = {}
        for one, satisfying in matched:
            for index, shaped in _paginate(satisfying, one.paging, ENTITIES[relation.entity]):
                found[index] = {**shaped, **found[index]} if index in found else shaped
        ordered = any(i.paging.order for i in wanted)
        positions = list(found) if ordered else sorted(found)
        if relation.many:
            selection[relation.name] = [found[i] for i in positions]
        elif positions:
            selection[relation.name] = found[positions[0]]
    return selection


def _in_same_unit(
    matched: Sequence[tuple[Include, Matched]], related: list[Row]
) -> list[tuple[Include, Matched]]:
    """Uses for each row the unit of the first include that names one."""
    converted: dict[int, Row] = {}
    for _, satisfying in matched:
        for index, row in satisfying:
            if index not in converted or converted[index].get("unit") == related[index].get("unit"):
                converted[index] = row
    return [(one, [(i, converted[i]) for i, _ in satisfying]) for one, satisfying in matched]


def _every_row(
    matched: Sequence[tuple[Include, Matched]], related: list[Row]
) -> list[tuple[Include, Matched]]:
    """Gives each include all related rows; rows that matched keep their converted unit."""
    converted: dict[int, Row] = {}
    for _, satisfying in matched:
        converted.update(satisfying)
    every = [(i, converted.get(i, r)) for i, r in enumerate(related)]
    return [(one, every) for one, _ in matched]


def _related(row: Row, name: str) -> list[Row]:
    related: Any = row.get(name)
    if related is None:
        return []
    return cast("list[Row]", related) if isinstance(related, list) else [related]


def _matching_rows(one: Include, related: list[Row], names: Names) -> Matched | None:
    """Returns the related rows that satisfy the include; None excludes the parent."""
    entity = ENTITIES[one.relation.entity]
    if entity is TECHNIQUE and one.where != EVERYTHING:
        # An empty list is a match: a negative condition is true of a parent without tags.
        tags = techniques.matching_tags(one.where, related, names)
        return None if tags is None else [(i, without_relations(entity, related[i])) for i in tags]
    found: Matched = []
    for index, row in _satisfying_rows(one, entity, related):
        nested = select_relations(entity, row, one.include, names)
        if nested is not None:
            found.append((index, {**without_relations(entity, row), **nested}))
    return found if found or not one.conditional else None


def _satisfying_rows(one: Include, entity: Entity, related: list[Row]) -> Iterable[tuple[int, Row]]:
    if one.where == EVERYTHING:
        return enumerate(related)
    if entity is PARAMETER:
        found = parameters.matching_rows(one.where, related)
        return [(i, parameters.convert_row(related[i], unit)) for i, unit in found.items()]
    return [(i, r) for i, r in enumerate(related) if predicates.satisfies(entity, one.where, r)]


def without_relations(entity: Entity, row: Row) -> Row:
    """Returns the row without its relations."""
    return {k: v for k, v in row.items() if k not in entity.relations}


def _paginate(rows: Matched, paging: PageOptions, entity: Entity) -> Matched:
    if paging.order:
        rows = [rows[i] for i in sort_positions([r for _, r in rows], paging.order, entity)]
    rows = rows[paging.skip :][: paging.limit]
    if not paging.has_projection():
        return rows
    return [(i, project(r, paging, entity)) for i, r in rows]


def project(row: Row, paging: PageOptions, entity: Entity) -> Row:
    """Returns the row with the requested fields; relations and the score always remain."""
    always = {*entity.relations, "score"}
    if paging.included_fields is not None:
        return {k: v for k, v in row.items() if k in paging.included_fields or k in always}
    return {k: v for k, v in row.items() if k not in paging.excluded_fields or k in always}


def sort_positions(
    rows: Sequence[Row], order: Sequence[tuple[str, bool]], entity: Entity
) -> list[int]:
    """Returns the positions of the rows in the requested order.

    Rows without the field come last; texts are sorted by their first 220 bytes, as in the index.
    Sorting is stable.
    """
    positions = list(range(len(rows)))
    for name, descending in reversed(order):
        present = [p for p in positions if rows[p].get(name) is not None]
        missing = [p for p in positions if rows[p].get(name) is None]
        kind = entity.fields.get(name)
        keys = {p: _key(rows[p][name], kind) for p in present}
        present.sort(key=keys.__getitem__, reverse=descending)  # stable, also when descending
        positions = present + missing
    return positions


def _key(value: Any, kind: Any) -> Any:
    if kind == "date":
        return predicates.parse_instant(value)
    if kind == "value":
        return (isinstance(value, str), value)
    if isinstance(value, str):
        return index_fields.text_prefix(value)
    return value
