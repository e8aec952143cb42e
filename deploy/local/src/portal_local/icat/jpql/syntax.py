"""The syntax tree of a query."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Comparison = Literal["=", "<>", "<", "<=", ">", ">="]
Function = Literal["COUNT", "MIN", "MAX", "SUM", "AVG"]


@dataclass(frozen=True, slots=True)
class Path:
    """`o.investigation.name`; with `base`, the names start at that variable's bean."""

    names: tuple[str, ...]
    base: str = ""


@dataclass(frozen=True, slots=True)
class Constant:
    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class Timestamp:
    """`{ts 2026-11-22 10:00:00}`, in the server's time zone."""

    text: str


@dataclass(frozen=True, slots=True)
class UserName:
    """`:user`, the name of the user."""


@dataclass(frozen=True, slots=True)
class Now:
    """`CURRENT_TIMESTAMP`."""


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    function: Function
    distinct: bool
    argument: "Expression"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    sign: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Negative:
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Compare:
    sign: Comparison
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class And:
    terms: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Or:
    terms: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Not:
    term: "Expression"


@dataclass(frozen=True, slots=True)
class Like:
    operand: "Expression"
    pattern: "Expression"
    escape: str | None
    negated: bool


@dataclass(frozen=True, slots=True)
class InList:
    operand: "Expression"
    options: tuple["Expression", ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Between:
    operand: "Expression"
    low: "Expression"
    high: "Expression"
    negated: bool


@dataclass(frozen=True, slots=True)
class IsNull:
    operand: "Expression"
    negated: bool


@dataclass(frozen=True, slots=True)
class IsEmpty:
    path: Path
    negated: bool


Value: TypeAlias = Path | Constant | Timestamp | UserName | Now | Call | Aggregate
Condition: TypeAlias = Compare | And | Or | Not | Like | InList | Between | IsNull | IsEmpty
Expression: TypeAlias = Value | Arithmetic | Negative | Condition


@dataclass(frozen=True, slots=True)
class Join:
    path: Path
    variable: str
    optional: bool


@dataclass(frozen=True, slots=True)
class Link:
    """The old form's `<-> Bean [condition]`."""

    bean: str
    variable: str
    condition: Expression | None


@dataclass(frozen=True, slots=True)
class Include:
    """A path of fields to include; in the old form, the name of a bean."""

    path: tuple[str, ...]
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    expression: Expression
    descending: bool


@dataclass(frozen=True, slots=True)
class Query:
    bean: str
    variable: str
    select: tuple[Expression, ...]
    distinct: bool = False
    joins: tuple[Join, ...] = ()
    links: tuple[Link, ...] = ()
    where: Expression | None = None
    order: tuple[Order, ...] = ()
    includes: tuple[Include, ...] = ()
    includes_ones: bool = False
    offset: int = 0
    limit: int | None = None
