"""Reads whole queries: `SELECT …`, the old form `0,100 Bean [condition] <-> …`, and get's."""

from dataclasses import replace

from portal_local.icat.errors import bad_parameter
from portal_local.icat.jpql.expressions import AGGREGATES, ExpressionParser
from portal_local.icat.jpql.syntax import (
    Aggregate,
    Expression,
    Include,
    Join,
    Link,
    Order,
    Path,
    Query,
)

_CLAUSES = frozenset({"JOIN", "LEFT", "INNER", "WHERE", "ORDER", "INCLUDE", "LIMIT"})


def parse_search(text: str) -> Query:
    parser = _QueryParser(text)
    if parser.accept("SELECT"):
        return parser.selection()
    return parser.old_form()


def parse_get(text: str) -> Query:
    return _QueryParser(text).single()


class _QueryParser(ExpressionParser):
    def selection(self) -> Query:
        distinct = self.accept("DISTINCT")
        select = [self.expression()]
        while self.accept_sign(","):
            select.append(self.expression())
        if not self.accept("FROM"):
            raise self.unexpected("FROM")
        bean, variable = self._root()
        query = Query(bean, variable, tuple(select), distinct, joins=self._joins())
        if self.accept("WHERE"):
            query = replace(query, where=self.expression())
        if self.accept("ORDER", "BY"):
            query = replace(query, order=self._order())
        return self._ending(query)

    def single(self) -> Query:
        bean = self.word("the name of a bean")
        variable = ""
        if self.ahead.kind == "word" and self.ahead.upper != "INCLUDE":
            self.accept("AS")
            variable = self.word("a variable")
        return self._ending(Query(bean, variable, (Path((variable,)),)))

    def _root(self) -> tuple[str, str]:
        bean = self.word("the name of a bean")
        self.accept("AS")
        if self.ahead.upper in _CLAUSES:
            raise self.unexpected("a variable")
        return bean, self.word("a variable")

    def _joins(self) -> tuple[Join, ...]:
        joins: list[Join] = []
        while True:
            optional = self.accept("LEFT", "OUTER", "JOIN") or self.accept("LEFT", "JOIN")
            if not optional and not self.accept("INNER", "JOIN") and not self.accept("JOIN"):
                return tuple(joins)
            path = self.path()
            self.accept("AS")
            joins.append(Join(path, self.word("a variable"), optional))

    def _order(self) -> tuple[Order, ...]:
        order = [self._order_item()]
        while self.accept_sign(","):
            order.append(self._order_item())
        return tuple(order)

    def _order_item(self) -> Order:
        expression = self.expression()
        descending = self.accept("DESC")
        if not descending:
            self.accept("ASC")
        return Order(expression, descending)

    def _ending(self, query: Query) -> Query:
        """INCLUDE and LIMIT, in either order, each at most once."""
        included = limited = False
        while self.ahead.kind != "end":
            if not included and self.accept("INCLUDE"):
                included = True
                query = self._include(query)
            elif not limited and self.accept("LIMIT"):
                limited = True
                offset = self.whole_number()
                self.expect_sign(",")
                query = replace(query, offset=offset, limit=self.whole_number())
            else:
                raise self.unexpected()
        return query

    def _include(self, query: Query) -> Query:
        if self.ahead.kind == "number":
            if self.take().text != "1":
                raise bad_parameter("INCLUDE takes 1 or paths")
            return replace(query, includes_ones=True)
        includes = [self._include_item()]
        while self.accept_sign(","):
            includes.append(self._include_item())
        return replace(query, includes=tuple(includes))

    def _include_item(self) -> Include:
        names = self.names()
        if self.accept("AS"):
            return Include(names, self.word("a variable"))
        if self.ahead.kind == "word" and self.ahead.upper not in {"LIMIT", "ORDER"}:
            return Include(names, self.word("a variable"))
        return Include(names)

    def old_form(self) -> Query:
        offset, limit = self._old_limit()
        distinct = self.accept("DISTINCT")
        self.base = "$0"
        selected = self._old_selected()
        inner = selected.argument if isinstance(selected, Aggregate) else selected
        if not isinstance(inner, Path):
            raise bad_parameter("a query starts with SELECT or the name of a bean")
        bean, path = inner.names[0], Path(inner.names[1:], self.base)
        select: Expression = path
        if isinstance(selected, Aggregate):
            select = replace(selected, argument=path)
        query = Query(bean, self.base, (select,), distinct, offset=offset, limit=limit)
        while True:
            if not (query.includes or query.includes_ones) and self.accept("INCLUDE"):
                query = self._include(query)
            elif not query.order and self.accept("ORDER", "BY"):
                query = replace(query, order=self._order())
            else:
                break
        query = replace(query, where=self._old_condition(), links=self._links())
        if self.ahead.kind != "end":
            raise self.unexpected()
        return query

    def _old_selected(self) -> Expression:
        if self.ahead.upper in AGGREGATES:
            return self._aggregate()
        return self.path()

    def _old_limit(self) -> tuple[int, int | None]:
        offset, limit = 0, None
        if self.ahead.kind == "number":
            offset = self.whole_number()
            self.expect_sign(",")
        elif not self.accept_sign(","):
            return offset, limit
        if self.ahead.kind == "number":
            limit = self.whole_number()
        return offset, limit

    def _old_condition(self) -> Expression | None:
        if not self.accept_sign("["):
            return None
        condition = self.expression()
        self.expect_sign("]")
        return condition

    def _links(self) -> tuple[Link, ...]:
        links: list[Link] = []
        while self.accept_sign("<->"):
            bean = self.word("the name of a bean")
            self.base = f"${len(links) + 1}"
            links.append(Link(bean, self.base, self._old_condition()))
        return tuple(links)
