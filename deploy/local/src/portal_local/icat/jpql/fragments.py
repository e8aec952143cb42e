"""Compiles expressions to SQL; every value a client sent becomes a parameter."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from portal_local.icat.errors import IcatError, bad_parameter
from portal_local.icat.jpql import syntax
from portal_local.icat.jpql.scope import Scope
from portal_local.icat.schema.schema import Bean, Schema
from portal_local.icat.schema.values import Value, Values

CONDITION = "condition"
ENTITY = "entity"
_NUMBERS = frozenset({"Long", "Integer", "Double"})
_ENUM_PREFIX = ("org", "icatproject")
_ENUM_PARTS = 4
_DATE_TEXT = re.compile(  # as in ICAT, no `T` and no `Z`
    r"\s*\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:\d\d)?)?\s*", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Source:
    """A bean whose content a fragment selects, and the SQL of its id."""

    bean: Bean
    id: str


@dataclass(frozen=True, slots=True)
class Fragment:
    sql: str
    parameters: tuple[Value, ...]
    type: str  # of an attribute, or CONDITION, or ENTITY
    literal: str | None = None  # the text, if it is a string the client wrote
    bean: Bean | None = None  # of a path: the owner of the field; of an entity: itself
    sources: tuple[Source, ...] = ()


class Compiler:
    """Compiles within one scope; paths add the joins they need to it."""

    def __init__(self, schema: Schema, values: Values, scope: Scope, user: str) -> None:
        self._schema = schema
        self._values = values
        self._scope = scope
        self._user = user
        self._handlers = self._by_type()

    def condition(self, expression: syntax.Expression) -> Fragment:
        fragment = self.compile(expression)
        if fragment.type != CONDITION:
            raise bad_parameter("a condition is expected, not a value")
        return fragment

    def compile(self, expression: syntax.Expression) -> Fragment:
        """Compiles an expression. Raises BAD_PARAMETER for an aggregate outside SELECT."""
        return self._handlers[type(expression)](expression)

    def _by_type(self) -> dict[type, Callable[..., Fragment]]:
        return {
            syntax.Path: self._path,
            syntax.Constant: _literal,
            syntax.Timestamp: self._timestamp,
            syntax.UserName: self._user_name,
            syntax.Now: _now,
            syntax.Call: self._call,
            syntax.Aggregate: _refuse_aggregate,
            syntax.Arithmetic: self._arithmetic,
            syntax.Negative: self._negative,
            syntax.And: self._all,
            syntax.Or: self._any,
            syntax.Not: self._not,
            syntax.Compare: self._compare,
            syntax.Like: self._like,
            syntax.InList: self._in_list,
            syntax.Between: self._between,
            syntax.IsNull: self._is_null,
            syntax.IsEmpty: self._is_empty,
        }

    def aggregate(self, expression: syntax.Aggregate) -> Fragment:
        operand = self.compile(expression.argument)
        function = expression.function
        if function != "COUNT" and operand.type in {ENTITY, CONDITION}:
            raise bad_parameter(f"{function} needs a value, not a bean")
        if function in {"SUM", "AVG"}:
            operand = _numeric(operand)
        kind = {"COUNT": "Long", "AVG": "Double"}.get(function, operand.type)
        distinct = "DISTINCT " if expression.distinct else ""
        return _combine(f"{function}({distinct}{{}})", [operand], kind)

    def _path(self, path: syntax.Path) -> Fragment:
        if path.names[:2] == _ENUM_PREFIX and not self._scope.knows(path):
            return self._enum(path.names)
        end = self._scope.end(path)
        kind = ENTITY if end.field is None else end.field.type
        sources = (Source(end.bean, end.id),)
        return Fragment(end.column, (), kind, bean=end.bean, sources=sources)

    def _enum(self, names: tuple[str, ...]) -> Fragment:
        """Compiles `org.icatproject.ParameterValueType.NUMERIC`."""
        literal = ".".join(names)
        if len(names) != _ENUM_PARTS:
            raise bad_parameter(f"Enum literal {literal} must contain exactly 4 parts")
        if names[3] not in self._schema.enums.get(names[2], ()):
            raise bad_parameter(f"Enum literal {literal} is not known")
        return Fragment("?", (names[3],), names[2])

    def _timestamp(self, timestamp: syntax.Timestamp) -> Fragment:
        return Fragment("?", (self._milliseconds(timestamp.text),), "Date")

    def _milliseconds(self, text: str) -> int:
        try:
            return self._values.milliseconds(text.strip())
        except (ValueError, OverflowError) as error:
            raise bad_parameter(f"{text!r} is not a date") from error

    def _call(self, call: syntax.Call) -> Fragment:
        arguments = [self._scalar(argument) for argument in call.arguments]
        if call.function == "CONCAT":
            return _combine(f"({' || '.join('{}' for _ in arguments)})", arguments, "String")
        if len(arguments) != 1:
            raise bad_parameter(f"{call.function} takes one argument")
        kind = {"LENGTH": "Long", "ABS": "Double"}.get(call.function, "String")
        if call.function == "ABS":
            arguments = [_numeric(arguments[0])]
            kind = arguments[0].type
        return _combine(f"{call.function}({{}})", arguments, kind)

    def _arithmetic(self, term: syntax.Arithmetic) -> Fragment:
        parts = [self._number(term.left), self._number(term.right)]
        kind = "Long" if all(part.type != "Double" for part in parts) else "Double"
        return _combine(f"({{}} {term.sign} {{}})", parts, kind)

    def _negative(self, term: syntax.Negative) -> Fragment:
        operand = self._number(term.operand)
        return _combine("(-{})", [operand], operand.type)

    def _user_name(self, _: syntax.UserName) -> Fragment:
        return Fragment("?", (self._user,), "String")

    def _scalar(self, expression: syntax.Expression) -> Fragment:
        fragment = self.compile(expression)
        if fragment.type in {ENTITY, CONDITION}:
            raise bad_parameter("a value is expected, not a bean or a condition")
        return fragment

    def _number(self, expression: syntax.Expression) -> Fragment:
        return _numeric(self.compile(expression))

    def _all(self, condition: syntax.And) -> Fragment:
        return self._logic(" AND ", condition.terms)

    def _any(self, condition: syntax.Or) -> Fragment:
        return self._logic(" OR ", condition.terms)

    def _logic(self, word: str, terms: Sequence[syntax.Expression]) -> Fragment:
        return _combine(f"({word.join('{}' for _ in terms)})", [self.condition(t) for t in terms])

    def _not(self, condition: syntax.Not) -> Fragment:
        return _combine("(NOT {})", [self.condition(condition.term)])

    def _compare(self, comparison: syntax.Compare) -> Fragment:
        left, right = self._comparable(comparison.left, comparison.right)
        if ENTITY in {left.type, right.type} and comparison.sign not in {"=", "<>"}:
            raise bad_parameter(f"beans cannot be compared with {comparison.sign}")
        return _combine(f"({{}} {comparison.sign} {{}})", [left, right])

    def _like(self, like: syntax.Like) -> Fragment:
        parts = [self._scalar(like.operand), self._scalar(like.pattern)]
        if any(part.type == "Date" for part in parts):
            raise bad_parameter("LIKE compares strings, not dates")
        escape = "\\" if like.escape is None else like.escape
        if len(escape) != 1:
            raise bad_parameter("ESCAPE takes one character")
        parts.append(Fragment("?", (escape,), "String"))
        return _combine(f"({{}} {_negation(like.negated)}LIKE {{}} ESCAPE {{}})", parts)

    def _in_list(self, in_list: syntax.InList) -> Fragment:
        parts = self._comparable(in_list.operand, *in_list.options)
        marks = ", ".join("{}" for _ in in_list.options)
        return _combine(f"({{}} {_negation(in_list.negated)}IN ({marks}))", parts)

    def _between(self, between: syntax.Between) -> Fragment:
        parts = self._comparable(between.operand, between.low, between.high)
        return _combine(f"({{}} {_negation(between.negated)}BETWEEN {{}} AND {{}})", parts)

    def _is_null(self, test: syntax.IsNull) -> Fragment:
        return _combine(f"({{}} IS {_negation(test.negated)}NULL)", [self.compile(test.operand)])

    def _is_empty(self, test: syntax.IsEmpty) -> Fragment:
        place, field = self._scope.ending(test.path)
        if field is None or field.relation != "MANY":
            raise bad_parameter(f"{'.'.join(test.path.names)} is not a one-to-many relation")
        back = self._schema.beans[field.type].fields[field.inverse].column
        rows = f'SELECT 1 FROM "{field.type}" AS e WHERE e."{back}" = {place.alias}.id'  # noqa: S608
        return Fragment(f"({'' if test.negated else 'NOT '}EXISTS ({rows}))", (), CONDITION)

    def _comparable(self, *expressions: syntax.Expression) -> list[Fragment]:
        """Compiles the expressions; strings become dates if one of them is a date."""
        parts = [self.compile(expression) for expression in expressions]
        types = {part.type for part in parts}
        if types & self._schema.enums.keys() and any(part.literal is not None for part in parts):
            raise IcatError(
                "INTERNAL",
                "\nException Description: Query failed to prepare, unexpected error occurred:"
                " [java.lang.ClassCastException: class java.lang.String cannot be cast to class"
                " java.lang.Enum].",
            )
        if CONDITION in types or (ENTITY in types and len(types) > 1):
            raise bad_parameter("a bean or a condition cannot be compared with a value")
        return [self._as_date(part) for part in parts] if "Date" in types else parts

    def _as_date(self, part: Fragment) -> Fragment:
        if part.type == "Date":
            return part
        if part.literal is None:
            raise bad_parameter("a date can be compared only with a date")
        if not _DATE_TEXT.fullmatch(part.literal):
            raise IcatError(
                "INTERNAL",
                f"\nException Description: The object [{part.literal}], of class [class"
                " java.lang.String], could not be converted to [class java.sql.Timestamp].",
            )
        return Fragment("?", (self._milliseconds(part.literal),), "Date")


def _combine(template: str, parts: Sequence[Fragment], kind: str = CONDITION) -> Fragment:
    """Inserts the parts into the template, which must never contain text of the client."""
    return Fragment(
        template.format(*(part.sql for part in parts)),
        tuple(value for part in parts for value in part.parameters),
        kind,
        sources=tuple(source for part in parts for source in part.sources),
    )


def _now(_: syntax.Now) -> Fragment:
    return Fragment("?", (int(time.time()) * 1000,), "Date")


def _literal(literal: syntax.Constant) -> Fragment:
    match literal.value:
        case bool():
            return Fragment("?", (int(literal.value),), "boolean")
        case int():
            return Fragment("?", (literal.value,), "Long")
        case float():
            return Fragment("?", (literal.value,), "Double")
        case str():
            return Fragment("?", (literal.value,), "String", literal=literal.value)


def _refuse_aggregate(aggregate: syntax.Aggregate) -> Fragment:
    raise bad_parameter(f"{aggregate.function} is allowed only after SELECT")


def _numeric(fragment: Fragment) -> Fragment:
    if fragment.type not in _NUMBERS:
        raise bad_parameter("a number is expected")
    return fragment


def _negation(negated: bool) -> str:  # noqa: FBT001
    return "NOT " if negated else ""
