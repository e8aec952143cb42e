"""The syntax tree of a filter: conditions on fields, combined by And, Or and Not."""

from dataclasses import dataclass
from typing import TypeAlias

from portal_local.search.errors import Failure


@dataclass(frozen=True, slots=True)
class Condition:
    """One test of one field: = != > >= < <= TO IN EXISTS NULL EMPTY STARTS."""

    field: str
    operator: str
    values: tuple[str, ...]
    place: str  # position in the filter text, for error messages


@dataclass(frozen=True, slots=True)
class Not:
    node: "Node"


@dataclass(frozen=True, slots=True)
class And:
    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    nodes: tuple["Node", ...]


Node: TypeAlias = "Condition | Not | And | Or"


def filter_failure(message: str) -> Failure:
    return Failure("invalid_search_filter", message)
