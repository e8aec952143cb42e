"""Includes: which parents stay, and what is told of their relations. Pure: rows are all there."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, cast

from portal_gateway.filters import parameters, predicates, techniques
from portal_gateway.filters.ast import EVERYTHING, Include, Row, Shape
from portal_gateway.filters.schema import DATASET, ENTITIES, PARAMETER, TECHNIQUE, Entity
from portal_gateway.filters.techniques import Names

Matched: TypeAlias = list[tuple[int, Row]]  # rows by their position in the relation


def selected(
    entity: Entity,
    row: Row,
    includes: Sequence[Include],
    names: Names,
    *,
    listed: bool = False,
    kept: bool = False,
) -> Row | None:
    """The relations of a row, by name; None when a condition drops it.

    `listed`: a row of the list itself, where a dataset's parameters are all told.
    `kept`: conditions cut its relations but do not drop it.
    """
    told: dict[str, Any] = {}
    for relation in dict.fromkeys(i.relation for i in includes):
        related = _related(row, relation.name)
        wanted = [i for i in includes if i.relation == relation]
        matched: list[tuple[Include, Matched]] = []
        for one in wanted:
            satisfying = _matching(one, related, names)
            if satisfying is None and not kept:
                return None
            matched.append((one, satisfying or []))
        if relation.entity == PARAMETER.name and len(matched) > 1:
            matched = _in_one_unit(matched, related)
        if listed and entity is DATASET and relation.name == "parameters":
            matched = _all_of_them(matched, related)
        found: dict[int, Row] = {}
        for one, satisfying in matched:
            for index, shaped in _cut(satisfying, one.shape, ENTITIES[relation.entity]):
                found[index] = {**shaped, **found[index]} if index in found else shaped
        ordered = any(i.shape.order for i in wanted)
        positions = list(found) if ordered else sorted(found)
        if relation.many:
            told[relation.name] = [found[i] for i in positions]
        elif positions:
            told[relation.name] = found[positions[0]]
    return told


def _in_one_unit(
    matched: Sequence[tuple[Include, Matched]], related: list[Row]
) -> list[tuple[Include, Matched]]:
    """Each row as the first include tells it that asked for a unit."""
    told: dict[int, Row] = {}
    for _, satisfying in matched:
        for index, row in satisfying:
            if index not in told or told[index].get("unit") == related[index].get("unit"):
                told[index] = row
    return [(one, [(i, told[i]) for i, _ in satisfying]) for one, satisfying in matched]


def _all_of_them(
    matched: Sequence[tuple[Include, Matched]], related: list[Row]
) -> list[tuple[Include, Matched]]:
    """Every row for each include; those that matched as they are to be told."""
    told: dict[int, Row] = {}
    for _, satisfying in matched:
        told.update(satisfying)
    every = [(i, told.get(i, r)) for i, r in enumerate(related)]
    return [(one, every) for one, _ in matched]


def _related(row: Row, name: str) -> list[Row]:
    there: Any = row.get(name)
    if there is None:
        return []
    return cast("list[Row]", there) if isinstance(there, list) else [there]


def _matching(one: Include, related: list[Row], names: Names) -> Matched | None:
    """The related rows that satisfy the include, as they are to be told; None: the parent goes."""
    entity = ENTITIES[one.relation.entity]
    if entity is TECHNIQUE and one.where != EVERYTHING:
        tags = techniques.matching(one.where, related, names)  # none at all may be what is wanted
        return None if tags is None else [(i, plain(entity, related[i])) for i in tags]
    found: Matched = []
    for index, row in _satisfying(one, entity, related):
        nested = selected(entity, row, one.include, names)
        if nested is not None:
            found.append((index, {**plain(entity, row), **nested}))
    return found if found or not one.conditional else None


def _satisfying(one: Include, entity: Entity, related: list[Row]) -> Iterable[tuple[int, Row]]:
    if one.where == EVERYTHING:
        return enumerate(related)
    if entity is PARAMETER:
        found = parameters.matching(one.where, related)
        return [(i, parameters.told(related[i], unit)) for i, unit in found.items()]
    return [(i, r) for i, r in enumerate(related) if predicates.holds(entity, one.where, r)]


def plain(entity: Entity, row: Row) -> Row:
    """The row without its relations."""
    return {k: v for k, v in row.items() if k not in entity.relations}


def _cut(rows: Matched, shape: Shape, entity: Entity) -> Matched:
    if shape.order:
        rows = [rows[i] for i in in_order([r for _, r in rows], shape.order, entity)]
    rows = rows[shape.skip :][: shape.limit]
    if not shape.projects():
        return rows
    return [(i, projected(r, shape, entity)) for i, r in rows]


def projected(row: Row, shape: Shape, entity: Entity) -> Row:
    """Only the fields asked for; relations and score always stay."""
    kept = {*entity.relations, "score"}
    if shape.only is not None:
        return {k: v for k, v in row.items() if k in shape.only or k in kept}
    return {k: v for k, v in row.items() if k not in shape.without or k in kept}


def in_order(rows: Sequence[Row], order: Sequence[tuple[str, bool]], entity: Entity) -> list[int]:
    """Positions of the rows in the order asked for; those without the field last, ties as is."""
    positions = list(range(len(rows)))
    for name, descending in reversed(order):
        there = [p for p in positions if rows[p].get(name) is not None]
        missing = [p for p in positions if rows[p].get(name) is None]
        kind = entity.fields.get(name)
        keys = {p: _key(rows[p][name], kind) for p in there}
        there.sort(key=keys.__getitem__, reverse=descending)  # equal ones stay as they were
        positions = there + missing
    return positions


def _key(value: Any, kind: Any) -> Any:
    if kind == "date":
        return predicates.instant(value)
    if kind == "value":
        return (isinstance(value, str), value)
    return value
