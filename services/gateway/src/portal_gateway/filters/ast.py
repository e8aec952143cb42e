"""Syntax tree of a filter. Operands are checked and have the types of their fields."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, TypeAlias, cast

from portal_gateway.filters.schema import Entity, Relation

Row: TypeAlias = dict[str, Any]
Test: TypeAlias = Callable[[str], bool]


@dataclass(frozen=True)
class Compare:
    """One operator on one field. `test` is set for patterns, `unit` for values that have a unit."""

    field: str
    op: str
    operand: Any
    test: Test | None = dataclass_field(default=None, compare=False)
    unit: str | None = None

    def operands(self) -> tuple[Any, ...]:
        """Returns the operand, or the operands of a list operator, as a tuple."""
        operand: Any = self.operand
        return cast("tuple[Any, ...]", operand) if isinstance(operand, tuple) else (operand,)


@dataclass(frozen=True)
class Text:
    """The pattern occurs in one of the text fields of the entity."""

    pattern: str
    test: Test = dataclass_field(compare=False)


@dataclass(frozen=True)
class And:
    nodes: "tuple[Node, ...]" = ()


@dataclass(frozen=True)
class Or:
    nodes: "tuple[Node, ...]" = ()


Node: TypeAlias = Compare | Text | And | Or
EVERYTHING = And()


@dataclass(frozen=True)
class PageOptions:
    """Order, page and fields of the rows of an answer."""

    order: tuple[tuple[str, bool], ...] = ()  # field, whether descending
    skip: int = 0
    limit: int | None = None
    included_fields: frozenset[str] | None = None
    excluded_fields: frozenset[str] = frozenset()

    def has_projection(self) -> bool:
        return self.included_fields is not None or bool(self.excluded_fields)


@dataclass(frozen=True)
class Include:
    relation: Relation
    where: Node = EVERYTHING
    include: "tuple[Include, ...]" = ()
    paging: PageOptions = PageOptions()
    has_where: bool = False  # the request has a where that is not empty, even if it is always true

    @property
    def conditional(self) -> bool:
        """Whether parents without a matching related row are left out of the answer."""
        return self.has_where or any(i.conditional for i in self.include)

    @property
    def conditions_only(self) -> "Include":
        """The same include without parts that only add rows to the answer."""
        return Include(
            self.relation, self.where, conditional_includes(self.include), has_where=self.has_where
        )


def conditional_includes(includes: Iterable[Include]) -> tuple[Include, ...]:
    """Returns the conditional parts of the includes, at any depth."""
    return tuple(i.conditions_only for i in includes if i.conditional)


@dataclass(frozen=True)
class Search:
    entity: Entity
    where: Node = EVERYTHING
    include: tuple[Include, ...] = ()
    paging: PageOptions = PageOptions()
    query: str = ""
