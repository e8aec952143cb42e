"""A filter as a tree: what is asked, checked and with its operands in the types of the fields."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from dataclasses import field as made
from typing import Any, TypeAlias, cast

from portal_gateway.filters.schema import Entity, Relation

Row: TypeAlias = dict[str, Any]
Test: TypeAlias = Callable[[str], bool]


@dataclass(frozen=True)
class Compare:
    """One operator on one field. `test` is set for patterns, `unit` for values with a unit."""

    field: str
    op: str
    operand: Any
    test: Test | None = made(default=None, compare=False)
    unit: str | None = None

    def asked(self) -> tuple[Any, ...]:
        """The operands, one or several."""
        return cast("tuple[Any, ...]", self.operand) if self._several() else (self.operand,)

    def _several(self) -> bool:
        return isinstance(self.operand, tuple)


@dataclass(frozen=True)
class Text:
    """The pattern occurs in any text field."""

    pattern: str
    test: Test = made(compare=False)


@dataclass(frozen=True)
class All:
    nodes: "tuple[Node, ...]" = ()


@dataclass(frozen=True)
class Some:
    nodes: "tuple[Node, ...]" = ()


Node: TypeAlias = Compare | Text | All | Some
EVERYTHING = All()


@dataclass(frozen=True)
class Shape:
    """How rows are told: sorted, cut, projected."""

    order: tuple[tuple[str, bool], ...] = ()  # field, descending
    skip: int = 0
    limit: int | None = None
    only: frozenset[str] | None = None
    without: frozenset[str] = frozenset()

    def projects(self) -> bool:
        return self.only is not None or bool(self.without)


@dataclass(frozen=True)
class Include:
    relation: Relation
    where: Node = EVERYTHING
    include: "tuple[Include, ...]" = ()
    shape: Shape = Shape()
    limited: bool = False  # a where was sent that is not empty, even if all rows satisfy it

    @property
    def conditional(self) -> bool:
        """It decides which parents stay, not only what is told of them."""
        return self.limited or any(i.conditional for i in self.include)

    @property
    def deciding(self) -> "Include":
        """Without what is only told."""
        return Include(self.relation, self.where, deciding(self.include), limited=self.limited)


def deciding(includes: Iterable[Include]) -> tuple[Include, ...]:
    """The includes that decide which parents stay, at any depth."""
    return tuple(i.deciding for i in includes if i.conditional)


@dataclass(frozen=True)
class Search:
    entity: Entity
    where: Node = EVERYTHING
    include: tuple[Include, ...] = ()
    shape: Shape = Shape()
    query: str = ""
