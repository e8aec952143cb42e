"""Reads conditions and values, by precedence: OR, AND, NOT, comparison, sum, product, sign."""

from typing import cast

from portal_local.icat.errors import IcatError, bad_parameter
from portal_local.icat.jpql.syntax import (
    Aggregate,
    And,
    Arithmetic,
    Between,
    Call,
    Compare,
    Comparison,
    Constant,
    Expression,
    Function,
    InList,
    IsEmpty,
    IsNull,
    Like,
    Negative,
    Not,
    Now,
    Or,
    Path,
    Timestamp,
    UserName,
)
from portal_local.icat.jpql.tokens import Token, tokenize
from portal_local.icat.schema.values import long

AGGREGATES = frozenset({"COUNT", "MIN", "MAX", "SUM", "AVG"})
FUNCTIONS = frozenset({"UPPER", "LOWER", "LENGTH", "TRIM", "ABS", "CONCAT"})
_MAX_DEPTH = 60
_MAX_OPERATORS = 200
_COMPARISONS: dict[str, Comparison] = {
    "=": "=",
    "<>": "<>",
    "!=": "<>",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}


class ExpressionParser:
    """A cursor over tokens; `base` is the variable that bare field names belong to, if any."""

    def __init__(self, query: str) -> None:
        self._tokens = tokenize(query)
        self._next = 0
        self._depth = 0
        self._operators = 0
        self.base = ""

    @property
    def ahead(self) -> Token:
        return self._tokens[self._next]

    def take(self) -> Token:
        token = self.ahead
        if token.kind != "end":
            self._next += 1
        return token

    def unexpected(self, wanted: str = "") -> IcatError:
        token = self.ahead
        found = "the end" if token.kind == "end" else repr(token.text)
        after = f", expected {wanted}" if wanted else ""
        return bad_parameter(f"unexpected {found} at character {token.at} of the query{after}")

    def accept(self, *keywords: str) -> bool:
        """Take these keywords if they come next, all of them."""
        coming = self._tokens[self._next : self._next + len(keywords)]
        if [token.upper for token in coming] != list(keywords):
            return False
        self._next += len(keywords)
        return True

    def accept_sign(self, sign: str) -> bool:
        if self.ahead.kind == "sign" and self.ahead.text == sign:
            self._next += 1
            return True
        return False

    def expect_sign(self, sign: str) -> None:
        if not self.accept_sign(sign):
            raise self.unexpected(repr(sign))

    def word(self, wanted: str) -> str:
        if self.ahead.kind != "word":
            raise self.unexpected(wanted)
        return self.take().text

    def path(self) -> Path:
        return Path(self.names(), self.base)

    def names(self) -> tuple[str, ...]:
        names = [self.word("a name")]
        while self.accept_sign("."):
            names.append(self.word("a field"))
        return tuple(names)

    def whole_number(self) -> int:
        token = self.take()
        number = long(token.text) if token.kind == "number" else None
        if number is None:
            raise bad_parameter(f"{token.text[:40]!r} is not a whole number")
        return number

    def expression(self) -> Expression:
        terms = [self._conjunction()]
        while self.accept("OR"):
            terms.append(self._conjunction())
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def _conjunction(self) -> Expression:
        terms = [self._negation()]
        while self.accept("AND"):
            terms.append(self._negation())
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def _negation(self) -> Expression:
        negated = False
        while self.accept("NOT"):
            negated = not negated
        term = self._predicate()
        return Not(term) if negated else term

    def _predicate(self) -> Expression:
        left = self._sum()
        if self.ahead.kind == "sign" and self.ahead.text in _COMPARISONS:
            return Compare(_COMPARISONS[self.take().text], left, self._sum())
        if self.accept("IS"):
            return self._state(left)
        negated = self.accept("NOT")
        if self.accept("LIKE"):
            pattern = self._sum()
            escape = self._string() if self.accept("ESCAPE") else None
            return Like(left, pattern, escape, negated)
        if self.accept("IN"):
            return InList(left, self._options(), negated)
        if self.accept("BETWEEN"):
            low = self._sum()
            if not self.accept("AND"):
                raise self.unexpected("AND")
            return Between(left, low, self._sum(), negated)
        if negated:
            raise self.unexpected("LIKE, IN or BETWEEN")
        return left

    def _state(self, operand: Expression) -> Expression:
        negated = self.accept("NOT")
        if self.accept("NULL"):
            return IsNull(operand, negated)
        if self.accept("EMPTY") and isinstance(operand, Path):
            return IsEmpty(operand, negated)
        raise self.unexpected("NULL, or EMPTY after a path")

    def _string(self) -> str:
        if self.ahead.kind != "string":
            raise self.unexpected("a string")
        return self.take().text

    def _options(self) -> tuple[Expression, ...]:
        self.expect_sign("(")
        options = [self._sum()]
        while self.accept_sign(","):
            options.append(self._sum())
        self.expect_sign(")")
        return tuple(options)

    def _sum(self) -> Expression:
        left = self._product()
        while self.ahead.kind == "sign" and self.ahead.text in {"+", "-"}:
            left = Arithmetic(self._operator(), left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._signed()
        while self.ahead.kind == "sign" and self.ahead.text in {"*", "/"}:
            left = Arithmetic(self._operator(), left, self._signed())
        return left

    def _operator(self) -> str:
        self._operators += 1
        if self._operators > _MAX_OPERATORS:
            raise bad_parameter(f"the query has more than {_MAX_OPERATORS} sums and products")
        return self.take().text

    def _signed(self) -> Expression:
        negative = False
        while self.ahead.kind == "sign" and self.ahead.text in {"+", "-"}:
            negative ^= self.take().text == "-"
        value = self._value()
        if not negative:
            return value
        if isinstance(value, Constant) and type(value.value) in {int, float}:
            return Constant(-cast("int | float", value.value))
        return Negative(value)

    def _value(self) -> Expression:
        """One value; what may hold others is counted, for the stack's sake."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise bad_parameter(f"the query is nested more than {_MAX_DEPTH} levels deep")
        value = self._plain_value()
        self._depth -= 1
        return value

    def _plain_value(self) -> Expression:
        token = self.ahead
        if self.accept_sign("("):
            inside = self.expression()
            self.expect_sign(")")
            return inside
        match token.kind:
            case "string":
                return Constant(self.take().text)
            case "number":
                return Constant(_number(self.take().text))
            case "timestamp":
                return Timestamp(self.take().text)
            case "user":
                self.take()
                return UserName()
            case "word":
                return self._word_value()
            case _:
                raise self.unexpected("a value")

    def _word_value(self) -> Expression:
        if self.accept("TRUE"):
            return Constant(value=True)
        if self.accept("FALSE"):
            return Constant(value=False)
        if self.accept("CURRENT_TIMESTAMP"):
            return Now()
        following = self._tokens[self._next + 1]
        if (following.kind, following.text) != ("sign", "("):
            return self.path()
        name = self.ahead.upper
        if name in AGGREGATES:
            return self._aggregate()
        if name not in FUNCTIONS:
            raise bad_parameter(f"{self.ahead.text} is not a function that queries know")
        self.take()
        return Call(name, self._options())

    def _aggregate(self) -> Aggregate:
        function = cast("Function", self.take().upper)
        self.expect_sign("(")
        distinct = self.accept("DISTINCT")
        argument = self.expression()
        self.expect_sign(")")
        return Aggregate(function, distinct, argument)


def _number(text: str) -> int | float:
    if not text.isdecimal():
        return float(text)
    number = long(text)
    if number is None:
        raise bad_parameter(f"the number {text[:40]} is too big")
    return number
