"""From a query's text to what the database is asked: SQL, parameters, and what each column is."""

from dataclasses import dataclass

from portal_local.icat.errors import bad_parameter
from portal_local.icat.jpql.fragments import CONDITION, ENTITY, Compiler, Fragment
from portal_local.icat.jpql.includes import IncludeTree, include_tree
from portal_local.icat.jpql.parser import parse_get, parse_search
from portal_local.icat.jpql.scope import Scope
from portal_local.icat.jpql.syntax import Aggregate, Expression, Query
from portal_local.icat.schema import Bean, Schema
from portal_local.icat.values import Value, Values


@dataclass(frozen=True, slots=True)
class Column:
    """A selected value of this type, or with `entity` the id of such a bean."""

    type: str
    entity: Bean | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    sql: str
    parameters: tuple[Value, ...]
    columns: tuple[Column, ...]
    counts: bool  # one COUNT: answers 0 where there is nothing
    reads: tuple[Bean, ...]  # the beans behind what is selected
    includes: IncludeTree


class Planner:
    def __init__(self, schema: Schema, values: Values) -> None:
        self._schema = schema
        self._values = values

    def get(self, text: str) -> tuple[Bean, IncludeTree]:
        query = parse_get(text)
        bean = self._schema.beans.get(query.bean)
        if bean is None:
            raise bad_parameter(f"{query.bean} is not an entity type")
        return bean, include_tree(self._schema, query, bean, by_bean=not query.variable)

    def search(self, text: str, user: str, most: int) -> Plan:
        """A plan that yields no more than `most` rows."""
        query = parse_search(text)
        scope = Scope(self._schema, query.bean, query.variable)
        for join in query.joins:
            scope.join(join)
        for link in query.links:
            scope.link(link)
        compiler = Compiler(self._schema, self._values, scope, user)
        selected = [_selected(compiler, expression) for expression in query.select]
        if len({isinstance(expression, Aggregate) for expression in query.select}) > 1:
            raise bad_parameter("SELECT takes values or aggregates of them, not both")
        filters = [compiler.condition(condition) for condition in _conditions(query)]
        order = [(compiler.compile(item.expression), item.descending) for item in query.order]
        if any(fragment.type == CONDITION for fragment, _ in order):
            raise bad_parameter("ORDER BY takes values, not conditions")
        sql = f"SELECT {'DISTINCT ' if query.distinct else ''}"
        sql += ", ".join(fragment.sql for fragment in selected)
        sql += f" FROM {scope.tables}"
        if filters:
            sql += " WHERE " + " AND ".join(fragment.sql for fragment in filters)
        if order:
            items = (f"{f.sql} DESC" if descending else f.sql for f, descending in order)
            sql += " ORDER BY " + ", ".join(items)
        limit = most if query.limit is None else min(query.limit, most)
        fragments = [*selected, *filters, *(fragment for fragment, _ in order)]
        return Plan(
            f"{sql} LIMIT ? OFFSET ?",
            (*(value for f in fragments for value in f.parameters), limit, query.offset),
            tuple(Column(f.type, f.bean if f.type == ENTITY else None) for f in selected),
            isinstance(query.select[0], Aggregate) and query.select[0].function == "COUNT",
            tuple(fragment.bean for fragment in selected if fragment.bean),
            self._includes(query, selected),
        )

    def _includes(self, query: Query, selected: list[Fragment]) -> IncludeTree:
        if not query.includes and not query.includes_ones:
            return {}
        only = selected[0]
        if len(selected) > 1 or only.type != ENTITY or only.bean is None:
            raise bad_parameter("INCLUDE needs a query that selects one bean")
        by_bean = query.variable.startswith("$")
        return include_tree(self._schema, query, only.bean, by_bean=by_bean)


def _selected(compiler: Compiler, expression: Expression) -> Fragment:
    if isinstance(expression, Aggregate):
        return compiler.aggregate(expression)
    fragment = compiler.compile(expression)
    if fragment.type == CONDITION:
        raise bad_parameter("SELECT takes values, not conditions")
    return fragment


def _conditions(query: Query) -> list[Expression]:
    found = [query.where, *(link.condition for link in query.links)]
    return [condition for condition in found if condition is not None]
