"""Ranking rules: each splits documents into groups, the best first, and the next splits those."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from portal_local.search.index.bitmaps import bitmap, bits, numbers_in
from portal_local.search.index.index import Index
from portal_local.search.query.matching import Matching

FEW = 8  # values of a field to a document of a group: such a group is sorted by itself


@dataclass(frozen=True, slots=True)
class Grade:
    """How well a group does under one rule: `rank` of `most`, or a value sorted by."""

    rule: str
    rank: int
    most: int
    detail: Any = None


@dataclass(frozen=True, slots=True)
class Group:
    """Documents that are equal so far; `kept` are the terms that they match."""

    bits: int
    kept: tuple[int, ...] = ()
    typos: dict[int, int] | None = None
    grades: tuple[Grade, ...] = ()

    def graded(self, found: int, grade: Grade) -> "Group":
        return replace(self, bits=found, grades=(*self.grades, grade))


class Rule(Protocol):
    def groups(self, group: Group) -> Iterator[Group]: ...


class Words:
    """More terms matched is better; which are left out first is the matching strategy's matter."""

    def __init__(self, matching: Matching, levels: Sequence[tuple[int, ...]]) -> None:
        self._matching = matching
        self._levels = levels

    def groups(self, group: Group) -> Iterator[Group]:
        left = group.bits
        most = len(self._matching.terms)
        for kept in self._levels:
            if not left:
                return
            typos = self._matching.by_typos(kept, left)
            found = 0
            for part in typos.values():
                found |= part
            if found:
                grade = Grade("words", len(kept), most)
                yield replace(group.graded(found, grade), kept=kept, typos=typos)
                left &= ~found


class Typo:
    """Fewer typos are better."""

    def __init__(self, matching: Matching) -> None:
        self._most = matching.most_typos

    def groups(self, group: Group) -> Iterator[Group]:
        for typos, found in sorted((group.typos or {}).items()):
            part = found & group.bits
            if part:
                rank = max(1, self._most + 1 - typos)
                yield group.graded(part, Grade("typo", rank, self._most + 1, typos))


class ByCost:
    """Groups by a cost that is computed for each document, up to the greatest possible."""

    def __init__(self, rule: str, costs: Callable[[Group], tuple[dict[int, int], int]]) -> None:
        self._rule = rule
        self._costs = costs

    def groups(self, group: Group) -> Iterator[Group]:
        costs, most = self._costs(group)
        by_cost: dict[int, list[int]] = {}
        for number in numbers_in(group.bits):
            by_cost.setdefault(min(costs.get(number, most), most), []).append(number)
        for cost in sorted(by_cost):
            grade = Grade(self._rule, most - cost + 1, most + 1)
            yield group.graded(bitmap(by_cost[cost]), grade)


class Sort:
    """By a field's value: numbers before strings, documents without one last."""

    def __init__(self, index: Index, field: str, *, descending: bool) -> None:
        self._field = index.facets.field(field)
        self._descending = descending
        self._rule = f"{field}:{'desc' if descending else 'asc'}"

    def groups(self, group: Group) -> Iterator[Group]:
        left = group.bits
        if left.bit_count() * FEW < self._field.size():
            yield from self._few(group)
            return
        for value, members in self._field.ordered(descending=self._descending):
            found = bits(members) & left
            if found:
                yield group.graded(found, Grade(self._rule, 0, 0, value))
                left &= ~found
                if not left:
                    return
        if left:
            yield group.graded(left, Grade(self._rule, 0, 0, None))

    def _few(self, group: Group) -> Iterator[Group]:
        """A small group by its documents' values, rather than all values by their documents."""
        ranks = self._field.ranks(descending=self._descending)
        last = (self._field.size(), None)
        alike: dict[tuple[int, Any], list[int]] = {}
        for number in numbers_in(group.bits):
            alike.setdefault(ranks.get(number, last), []).append(number)
        for place in sorted(alike, key=lambda p: p[0]):
            yield group.graded(bitmap(alike[place]), Grade(self._rule, 0, 0, place[1]))


def levels(matching: Matching, strategy: str) -> list[tuple[int, ...]]:
    """Which terms are kept, from all of them to the least that must match; phrases always are."""
    everything = tuple(range(len(matching.terms)))
    if strategy == "all":
        return [everything]
    if strategy == "frequency":
        order = sorted(everything, key=lambda at: (-matching.frequency(at), -at))[:-1]
    else:
        order = list(everything[:0:-1])
    found = [everything]
    for at in order:
        if not matching.terms[at].phrase:
            found.append(tuple(part for part in found[-1] if part != at))
    return found
