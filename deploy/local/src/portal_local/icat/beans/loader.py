"""Loads beans by their ids, with the relations of the INCLUDE clause."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from portal_local.icat.beans.rights import Gate
from portal_local.icat.errors import invalid
from portal_local.icat.jpql.includes import IncludeTree
from portal_local.icat.schema.schema import Bean, Field, Schema
from portal_local.icat.schema.store import id_list
from portal_local.icat.schema.values import Value


@dataclass(slots=True)
class Entity:
    bean: Bean
    row: dict[str, Value]
    related: dict[str, "list[Entity]"] = field(default_factory=dict[str, "list[Entity]"])
    xml: str = ""  # the serialized content, cached: many parameters share one type


Entities: TypeAlias = dict[int, Entity]


class Loader:
    """Loads the beans of one answer. Raises VALIDATION above `max_entities` beans.

    Beans given by id are loaded without a check; included ones only if the user may read them.
    """

    def __init__(
        self, schema: Schema, connection: sqlite3.Connection, gate: Gate, max_entities: int
    ) -> None:
        self._schema = schema
        self._connection = connection
        self._gate = gate
        self._max_entities = max_entities
        self._remaining = max_entities

    def load(self, bean: Bean, ids: Iterable[int], includes: IncludeTree) -> Entities:
        """Loads the beans with these ids; missing ones are left out."""
        columns = ", ".join(f'"{column.column}"' for column in bean.columns)
        names = [column.column for column in bean.columns]
        rows = self._connection.execute(
            f'SELECT {columns} FROM "{bean.name}"'  # noqa: S608
            " WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
            (id_list(set(ids)),),
        )
        found = [Entity(bean, dict(zip(names, row, strict=True))) for row in rows]
        self._remaining -= len(found)
        if self._remaining < 0:
            raise invalid(f"attempt to return more than {self._max_entities} entities")
        for name, branch in includes.items():
            about = bean.fields[name]
            load = self._load_ones if about.relation == "ONE" else self._load_manys
            load(bean, found, about, branch)
        return {int(entity.row["id"] or 0): entity for entity in found}

    def _load_ones(
        self, origin: Bean, entities: list[Entity], about: Field, branch: IncludeTree
    ) -> None:
        target = self._schema.beans[about.type]
        ids = [entity.row[about.column] for entity in entities]
        wanted = {int(value) for value in ids if value is not None}
        found = self.load(target, self._gate.filter_visible(origin, about, target, wanted), branch)
        for entity, value in zip(entities, ids, strict=True):
            if value is not None and int(value) in found:
                entity.related[about.name] = [found[int(value)]]

    def _load_manys(
        self, origin: Bean, entities: list[Entity], about: Field, branch: IncludeTree
    ) -> None:
        target = self._schema.beans[about.type]
        back = target.fields[about.inverse].column
        rows = self._connection.execute(
            f'SELECT id FROM "{target.name}"'  # noqa: S608
            f' WHERE "{back}" IN (SELECT value FROM json_each(?)) LIMIT ?',
            (id_list(int(entity.row["id"] or 0) for entity in entities), self._remaining + 1),
        )
        seen = self._gate.filter_visible(origin, about, target, {row[0] for row in rows})
        found = self.load(target, seen, branch)
        children: dict[Value, list[Entity]] = defaultdict(list)
        for child in found.values():
            children[child.row[back]].append(child)
        for entity in entities:
            entity.related[about.name] = children[entity.row["id"]]
