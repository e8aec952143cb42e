"""Answering search and get: rows and beans, as XML."""

import sqlite3
from collections.abc import Iterable

from portal_local.icat.beans.loader import Entities, Entity, Loader
from portal_local.icat.beans.rights import Rights
from portal_local.icat.errors import IcatError, bad_parameter, invalid
from portal_local.icat.jpql.plan import Column, Plan, Planner
from portal_local.icat.schema.schema import Schema
from portal_local.icat.schema.values import Value, Values

_XS = {
    "Date": "xs:dateTime",
    "Long": "xs:long",
    "Integer": "xs:int",
    "Double": "xs:double",
    "boolean": "xs:boolean",
}
_REFUSED_QUERY = frozenset({"SQLITE_ERROR", "SQLITE_TOOBIG"})


class Searcher:
    """Runs queries and serializes their results, within the caller's transaction."""

    def __init__(
        self, schema: Schema, values: Values, planner: Planner, rights: Rights, max_entities: int
    ) -> None:
        self._schema = schema
        self._values = values
        self._rights = rights
        self._planner = planner
        self._max_entities = max_entities

    def search(self, connection: sqlite3.Connection, text: str | None, user: str) -> list[str]:
        """Returns the `return` elements of a search."""
        if text is None:
            raise bad_parameter("query may not be null")
        gate = self._rights.gate(connection, user)
        plan = self._planner.search(text, user, self._max_entities + 1, gate.readable)
        rows = _run(connection, plan)
        if len(rows) > self._max_entities:
            raise invalid(f"attempt to return more than {self._max_entities} entities")
        loader = Loader(self._schema, connection, gate, self._max_entities)
        loaded = [
            _load_column(loader, plan, column, [row[index] for row in rows])
            for index, column in enumerate(plan.columns)
        ]
        if len(plan.columns) == 1:
            column, entities = plan.columns[0], loaded[0]
            values = (row[0] for row in rows)
            return [self._typed("return", column, v, entities) for v in values if v is not None]
        return [self._field_set(plan.columns, row, loaded) for row in rows]

    def get(
        self, connection: sqlite3.Connection, text: str | None, number: int, user: str
    ) -> list[str]:
        """Returns the `return` element of the bean with this id."""
        if text is None:
            raise bad_parameter("query may not be null")
        bean, includes = self._planner.get(text)
        gate = self._rights.gate(connection, user)
        found = Loader(self._schema, connection, gate, self._max_entities).load(
            bean, [number], includes
        )
        if number not in found:
            raise IcatError("NO_SUCH_OBJECT_FOUND", f"{bean.name}[id:{number}] not found.")
        gate.require("READ", bean, [number])
        return [self._element("return", found[number])]

    def _field_set(
        self, columns: tuple[Column, ...], row: tuple[Value, ...], loaded: list[Entities]
    ) -> str:
        fields = (
            '<fields xsi:nil="true"/>'
            if value is None
            else self._typed("fields", column, value, entities)
            for column, value, entities in zip(columns, row, loaded, strict=True)
        )
        return f'<return xsi:type="ns2:fieldSet">{"".join(fields)}</return>'

    def _typed(self, tag: str, column: Column, value: str | float, entities: Entities) -> str:
        if column.entity is not None:
            return self._element(tag, entities[int(value)])
        kind = _XS.get(column.type, "xs:string")
        return f'<{tag} xsi:type="{kind}">{self._values.text(column.type, value)}</{tag}>'

    def _element(self, tag: str, entity: Entity) -> str:
        if not entity.xml:
            entity.xml = "".join(self._inside(entity))
        return f'<{tag} xsi:type="ns2:{entity.bean.wire_name}">{entity.xml}</{tag}>'

    def _inside(self, entity: Entity) -> Iterable[str]:
        for about in entity.bean.fields.values():
            name = about.name
            if about.relation != "ATTRIBUTE":
                for other in entity.related.get(name, ()):
                    yield self._element(name, other)
            elif (value := entity.row[name]) is not None:
                yield f"<{name}>{self._values.text(about.type, value)}</{name}>"


def _load_column(loader: Loader, plan: Plan, column: Column, values: list[Value]) -> Entities:
    if column.entity is None:
        return {}
    return loader.load(column.entity, {int(v) for v in values if v is not None}, plan.includes)


def _run(connection: sqlite3.Connection, plan: Plan) -> list[tuple[Value, ...]]:
    try:
        return connection.execute(plan.sql, plan.parameters).fetchall()
    except sqlite3.Error as error:
        name: str = getattr(error, "sqlite_errorname", "")
        if name in _REFUSED_QUERY:  # too many terms, a sum too big: an error of the query
            raise bad_parameter(f"the query cannot be answered: {error}") from error
        raise
