"""Plans queries: from the text of a query to SQL, parameters and the types of columns."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from portal_local.icat.errors import bad_parameter
from portal_local.icat.jpql.fragments import CONDITION, ENTITY, Compiler, Fragment
from portal_local.icat.jpql.includes import IncludeTree, include_tree
from portal_local.icat.jpql.parser import parse_get, parse_search
from portal_local.icat.jpql.scope import Scope
from portal_local.icat.jpql.syntax import Aggregate, Expression, Path, Query
from portal_local.icat.schema.schema import Bean, Schema
from portal_local.icat.schema.values import Value, Values

MAX_CACHED_RULES = 1000
NOW = "CURRENT_"  # the moment, in a query

Readable = Callable[[Bean], Fragment | None]
"""Returns a query of the ids of the bean that may be read, or None for all."""


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
    includes: IncludeTree


@dataclass(frozen=True, slots=True)
class RuleTarget:
    """The beans of a rule: all of a type or, if `restricted`, those that `ids` finds."""

    bean: Bean
    attribute: str | None  # the attribute that the rule is about; None: whole beans
    restricted: bool
    ids: Fragment


@dataclass(slots=True)
class _Compiled:
    query: Query
    scope: Scope
    compiler: Compiler
    selected: list[Fragment]
    filters: list[Fragment] = field(default_factory=list[Fragment])

    def where(self) -> str:
        conditions = " AND ".join(fragment.sql for fragment in self.filters)
        return f" WHERE {conditions}" if conditions else ""


class Planner:
    def __init__(self, schema: Schema, values: Values) -> None:
        self._schema = schema
        self._values = values
        self._rule_targets: dict[tuple[str, str], RuleTarget] = {}

    def get(self, text: str) -> tuple[Bean, IncludeTree]:
        query = parse_get(text)
        bean = self._schema.beans.get(query.bean)
        if bean is None:
            raise bad_parameter(f"{query.bean} is not an ICAT entity")
        return bean, include_tree(self._schema, query, bean, by_bean=not query.variable)

    def search(self, text: str, user: str, max_rows: int, readable: Readable) -> Plan:
        """Plans a search for at most `max_rows` rows, of readable beans only."""
        compiled = self._compile(parse_search(text), user)
        query, selected = compiled.query, compiled.selected
        order = [(compiled.compiler.compile(o.expression), o.descending) for o in query.order]
        if any(fragment.type == CONDITION for fragment, _ in order):
            raise bad_parameter("ORDER BY takes values, not conditions")
        compiled.filters.extend(_read_conditions(selected, readable))
        sql = f"SELECT {'DISTINCT ' if query.distinct else ''}"
        sql += ", ".join(fragment.sql for fragment in selected)
        sql += f" FROM {compiled.scope.tables}{compiled.where()}"
        if order:
            items = (f"{f.sql} DESC" if descending else f.sql for f, descending in order)
            sql += " ORDER BY " + ", ".join(items)
        limit = max_rows if query.limit is None else min(query.limit, max_rows)
        fragments = (*selected, *compiled.filters, *(fragment for fragment, _ in order))
        return Plan(
            f"{sql} LIMIT ? OFFSET ?",
            (*_parameters(fragments), limit, query.offset),
            tuple(Column(f.type, f.bean if f.type == ENTITY else None) for f in selected),
            self._includes(query, selected),
        )

    def rule_target(self, text: str, user: str) -> RuleTarget:
        """Returns the beans that a rule is about. Raises BAD_PARAMETER.

        The rules of a user are compiled for every transaction, so the last ones are cached.
        """
        if NOW in text.upper():  # compiled to the time of compilation
            return self._rule_target(text, user)
        found = self._rule_targets.get((text, user))
        if found is None:
            found = self._rule_target(text, user)
            if len(self._rule_targets) >= MAX_CACHED_RULES:
                self._rule_targets = {}
            self._rule_targets[text, user] = found
        return found

    def _rule_target(self, text: str, user: str) -> RuleTarget:
        query = parse_search(text)
        if query.order or query.includes or query.includes_ones or query.limit or query.offset:
            raise bad_parameter("a rule takes no ORDER BY, INCLUDE or LIMIT")
        compiled = self._compile(query, user)
        path, only = query.select[0], compiled.selected[0]
        if len(query.select) > 1 or not isinstance(path, Path) or only.bean is None:
            raise bad_parameter("a rule selects one bean, or one attribute of one")
        (source,) = only.sources
        return RuleTarget(
            only.bean,
            None if only.type == ENTITY else path.names[-1],
            bool(compiled.filters),
            Fragment(
                f"SELECT {source.id} FROM {compiled.scope.tables}{compiled.where()}",  # noqa: S608
                _parameters(compiled.filters),
                "Long",
            ),
        )

    def _compile(self, query: Query, user: str) -> _Compiled:
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
        return _Compiled(query, scope, compiler, selected, filters)

    def _includes(self, query: Query, selected: list[Fragment]) -> IncludeTree:
        if not query.includes and not query.includes_ones:
            return {}
        only = selected[0]
        if len(selected) > 1 or only.type != ENTITY or only.bean is None:
            raise bad_parameter("INCLUDE needs a query that selects one bean")
        by_bean = query.variable.startswith("$")
        return include_tree(self._schema, query, only.bean, by_bean=by_bean)


def _read_conditions(selected: Iterable[Fragment], readable: Readable) -> Iterable[Fragment]:
    """Yields conditions that restrict each selected bean to the readable ones."""
    for source in {(s.bean.name, s.id): s for f in selected for s in f.sources}.values():
        ids = readable(source.bean)
        if ids is not None:
            yield Fragment(f"{source.id} IN ({ids.sql})", ids.parameters, CONDITION)


def _parameters(fragments: Iterable[Fragment]) -> tuple[Value, ...]:
    return tuple(value for fragment in fragments for value in fragment.parameters)


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
