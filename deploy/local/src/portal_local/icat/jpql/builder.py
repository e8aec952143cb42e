"""Builds the syntax tree of a query from lark's tree: one method for each rule of the grammar."""

import re
from typing import Any, cast

from lark import Token, Transformer_NonRecursive, v_args

from portal_local.icat.errors import bad_parameter
from portal_local.icat.jpql import syntax
from portal_local.icat.jpql.syntax import (
    Constant,
    Expression,
    Include,
    Join,
    Link,
    Order,
    Path,
    Query,
)
from portal_local.icat.schema.values import long

_FUNCTIONS = frozenset({"UPPER", "LOWER", "LENGTH", "TRIM", "ABS", "CONCAT"})
_TIMESTAMP = re.compile(r"\{\s*ts\s+'?(.*?)'?\s*\}", re.IGNORECASE | re.DOTALL)
_Clauses = dict[str, Any]
"""Fields of Query that clauses set."""


def _names(path: str) -> tuple[str, ...]:
    return tuple(re.split(r"\s*\.\s*", path))


def _whole(text: str) -> int:
    number = long(text)
    if number is None:
        raise bad_parameter(f"{text[:40]!r} is not a whole number")
    return number


def _unquoted(string: str) -> str:
    return string[1:-1].replace("''", "'")


@v_args(inline=True)
class Builder(Transformer_NonRecursive[Token, Query]):
    """Builds one query; `base` is the variable that bare field names belong to, if any.

    Children come before their parents and from left to right: each link of the old form
    changes the base of the condition that follows it.
    """

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base
        self._links = 0

    def select(
        self,
        distinct: Token | None,
        expressions: tuple[Expression, ...],
        root: tuple[Token, Token],
        joins: tuple[Join, ...],
        clauses: _Clauses,
    ) -> Query:
        bean, variable = map(str, root)
        return Query(bean, variable, expressions, distinct is not None, joins, **clauses)

    def get(self, bean: Token, variable: Token, clauses: _Clauses) -> Query:
        return Query(str(bean), str(variable), (Path((str(variable),)),), **clauses)

    def get_bean(self, bean: Token, clauses: _Clauses) -> Query:
        return Query(str(bean), "", (Path(("",)),), **clauses)

    def old(
        self,
        limits: _Clauses,
        distinct: Token | None,
        selected: Token | syntax.Aggregate,
        clauses: _Clauses,
        links: tuple[Link, ...],
    ) -> Query:
        select: Expression
        if isinstance(selected, syntax.Aggregate):
            if not isinstance(selected.argument, Path):
                raise bad_parameter("a query starts with SELECT or the name of a bean")
            bean, *names = selected.argument.names
            path = Path(tuple(names), "$0")
            select = syntax.Aggregate(selected.function, selected.distinct, path)
        else:
            bean, *names = _names(selected)
            select = Path(tuple(names), "$0")
        fields = limits | clauses
        return Query(bean, "$0", (select,), distinct is not None, links=links, **fields)

    def _several(self, *children: Any) -> tuple[Any, ...]:
        return children

    expressions = root = joins = links = options = _several

    def join(self, keyword: Token, path: Token, variable: Token) -> Join:
        optional = keyword.upper().startswith("LEFT")
        return Join(Path(_names(path), self._base), str(variable), optional)

    def _merged(self, *clauses: _Clauses) -> _Clauses:
        return {name: value for clause in clauses for name, value in clause.items()}

    select_clauses = get_clauses = get_first = old_clauses = _merged

    def where(self, condition: Expression) -> _Clauses:
        return {"where": condition}

    old_where = where

    def order(self, *items: Order) -> _Clauses:
        return {"order": items}

    def order_item(self, expression: Expression, direction: Token | None) -> Order:
        return Order(expression, direction is not None and direction.upper() == "DESC")

    def include(self, *items: Include) -> _Clauses:
        return {"includes": items}

    def include_ones(self, number: Token) -> _Clauses:
        if number != "1":
            raise bad_parameter("INCLUDE takes 1 or paths")
        return {"includes_ones": True}

    def include_item(self, path: Token, variable: str = "") -> Include:
        return Include(_names(path), str(variable))

    def limit(self, offset: Token, limit: Token) -> _Clauses:
        return {"offset": _whole(offset), "limit": _whole(limit)}

    def limits(self, offset: Token | None = None, limit: Token | None = None) -> _Clauses:
        return {
            "offset": 0 if offset is None else _whole(offset),
            "limit": None if limit is None else _whole(limit),
        }

    def linked_bean(self, bean: Token) -> str:
        self._links += 1
        self._base = f"${self._links}"
        return str(bean)

    def link(self, bean: str, condition: Expression | None) -> Link:
        return Link(bean, self._base, condition)

    def any_of(self, *terms: Expression) -> Expression:
        return syntax.Or(terms)

    def all_of(self, *terms: Expression) -> Expression:
        return syntax.And(terms)

    def negated(self, *children: Any) -> Expression:
        *negations, term = children
        return syntax.Not(term) if len(negations) % 2 else term

    def compare(self, left: Expression, sign: Token, right: Expression) -> Expression:
        comparison = cast("syntax.Comparison", "<>" if sign == "!=" else str(sign))
        return syntax.Compare(comparison, left, right)

    def state(self, operand: Expression, negation: Token | None, state: Token) -> Expression:
        if state.upper() == "NULL":
            return syntax.IsNull(operand, negation is not None)
        if not isinstance(operand, Path):
            raise bad_parameter("IS EMPTY is allowed only after a path")
        return syntax.IsEmpty(operand, negation is not None)

    def like(
        self,
        operand: Expression,
        negation: Token | None,
        pattern: Expression,
        escape: Token | None,
    ) -> Expression:
        text = None if escape is None else _unquoted(escape)
        return syntax.Like(operand, pattern, text, negation is not None)

    def in_list(
        self, operand: Expression, negation: Token | None, options: tuple[Expression, ...]
    ) -> Expression:
        return syntax.InList(operand, options, negation is not None)

    def between(
        self, operand: Expression, negation: Token | None, low: Expression, high: Expression
    ) -> Expression:
        return syntax.Between(operand, low, high, negation is not None)

    def arithmetic(self, left: Expression, sign: Token, right: Expression) -> Expression:
        return syntax.Arithmetic(str(sign), left, right)

    def signed(self, *children: Any) -> Expression:
        *signs, value = children
        if signs.count("-") % 2 == 0:
            return value
        if isinstance(value, Constant) and type(value.value) in {int, float}:
            return Constant(-cast("int | float", value.value))
        return syntax.Negative(value)

    def group(self, expression: Expression) -> Expression:
        return expression

    def aggregate(
        self, function: Token, distinct: Token | None, argument: Expression
    ) -> syntax.Aggregate:
        name = cast("syntax.Function", function.upper())
        return syntax.Aggregate(name, distinct is not None, argument)

    old_aggregate = aggregate

    def call(self, function: Token, arguments: tuple[Expression, ...]) -> Expression:
        name = function.upper()
        if name not in _FUNCTIONS:
            raise bad_parameter(f"{function} is not a function that queries know")
        return syntax.Call(name, arguments)

    def path(self, path: Token) -> Path:
        return Path(_names(path), self._base)

    def string(self, text: Token) -> Constant:
        return Constant(_unquoted(text))

    def number(self, text: Token) -> Constant:
        if not text.isdecimal():
            return Constant(float(text))
        number = long(text)
        if number is None:
            raise bad_parameter(f"the number {text[:40]} is too big")
        return Constant(number)

    def timestamp(self, text: Token) -> syntax.Timestamp:
        return syntax.Timestamp(_TIMESTAMP.sub(r"\1", text))

    def user(self) -> syntax.UserName:
        return syntax.UserName()

    def now(self) -> syntax.Now:
        return syntax.Now()

    def true(self) -> Constant:
        return Constant(value=True)

    def false(self) -> Constant:
        return Constant(value=False)
