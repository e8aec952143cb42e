"""Ranking rules: each splits a group of documents into smaller groups, the best first."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from portal_local.search.bitmaps import Members, Membership, bitmap, numbers_in, union
from portal_local.search.index.index import Index
from portal_local.search.query.matcher import Matcher

# A group is sorted by itself if the field has at least so many values per document of the group.
MIN_VALUES_PER_DOCUMENT = 8


@dataclass(frozen=True, slots=True)
class Grade:
    """The result of a group for one rule: `rank` of `most`, or the value that is sorted by."""

    rule: str
    rank: int
    most: int
    detail: Any = None


@dataclass(frozen=True, slots=True)
class Group:
    """Documents that are equal by the rules so far; `terms` are the terms that they match."""

    bits: int
    terms: tuple[int, ...] = ()
    typos: dict[int, int] | None = None
    grades: tuple[Grade, ...] = ()

    def graded(self, found: int, grade: Grade) -> "Group":
        return replace(self, bits=found, grades=(*self.grades, grade))


class Rule(Protocol):
    def groups(self, group: Group) -> Iterator[Group]: ...


class WordsRule:
    """More matched terms are better; the matching strategy decides which are left out first."""

    def __init__(self, matcher: Matcher, levels: Sequence[tuple[int, ...]]) -> None:
        self._matcher = matcher
        self._levels = levels

    def groups(self, group: Group) -> Iterator[Group]:
        left = group.bits
        most = len(self._matcher.terms)
        for terms in self._levels:
            if not left:
                return
            typos = self._matcher.by_typos(terms, left)
            found = 0
            for part in typos.values():
                found |= part
            if found:
                grade = Grade("words", len(terms), most)
                yield replace(group.graded(found, grade), terms=terms, typos=typos)
                left &= ~found


class TypoRule:
    """Fewer typos are better."""

    def __init__(self, matcher: Matcher) -> None:
        self._most = matcher.max_typos

    def groups(self, group: Group) -> Iterator[Group]:
        for typos, found in sorted((group.typos or {}).items()):
            part = found & group.bits
            if part:
                rank = max(1, self._most + 1 - typos)
                yield group.graded(part, Grade("typo", rank, self._most + 1, typos))


Costs = tuple[dict[int, int], int]
"""The cost by document, and the highest possible cost."""


class CostRule:
    """Groups documents by a cost that is computed for one of those that are alike.

    `alike` returns a document of each set of documents that have the same cost, with this set.
    """

    def __init__(
        self,
        rule: str,
        costs: Callable[[Group], Costs],
        alike: Callable[[Group], list[tuple[int, Members]]],
    ) -> None:
        self._rule = rule
        self._costs = costs
        self._alike = alike

    def groups(self, group: Group) -> Iterator[Group]:
        listed = self._alike(group)
        costs, most = self._costs(replace(group, bits=bitmap([number for number, _ in listed])))
        by_cost: dict[int, list[Members]] = {}
        for number, members in listed:
            by_cost.setdefault(min(costs.get(number, most), most), []).append(members)
        for cost in sorted(by_cost):
            grade = Grade(self._rule, most - cost + 1, most + 1)
            yield group.graded(union(by_cost[cost]), grade)


class SortRule:
    """Groups documents by a field's value: numbers before strings, documents without value last."""

    def __init__(self, index: Index, field: str, *, descending: bool) -> None:
        self._field = index.facets.field(field)
        self._descending = descending
        self._rule = f"{field}:{'desc' if descending else 'asc'}"

    def groups(self, group: Group) -> Iterator[Group]:
        left = group.bits
        if left.bit_count() * MIN_VALUES_PER_DOCUMENT < self._field.size():
            yield from self._few(group)
            return
        wanted = Membership(left)
        for value, members in self._field.ordered(descending=self._descending):
            found = wanted.common(members) & left
            if found:
                yield group.graded(found, Grade(self._rule, 0, 0, value))
                left &= ~found
                if not left:
                    return
        if left:
            yield group.graded(left, Grade(self._rule, 0, 0, None))

    def _few(self, group: Group) -> Iterator[Group]:
        """Sorts a small group by its documents' values instead of going through all values."""
        ranks = self._field.ranks(descending=self._descending)
        last = (self._field.size(), None)
        alike: dict[tuple[int, Any], list[int]] = {}
        for number in numbers_in(group.bits):
            alike.setdefault(ranks.get(number, last), []).append(number)
        for place in sorted(alike, key=lambda p: p[0]):
            yield group.graded(bitmap(alike[place]), Grade(self._rule, 0, 0, place[1]))


def term_levels(matcher: Matcher, strategy: str) -> list[tuple[int, ...]]:
    """Returns sets of terms that must match: first all terms, then fewer; phrases always stay."""
    everything = tuple(range(len(matcher.terms)))
    if strategy == "all":
        return [everything]
    if strategy == "frequency":
        order = sorted(everything, key=lambda at: (-matcher.frequency(at), -at))[:-1]
    else:
        order = list(everything[:0:-1])
    found = [everything]
    for at in order:
        if not matcher.terms[at].phrase:
            found.append(tuple(part for part in found[-1] if part != at))
    return found
