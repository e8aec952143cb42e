"""Costs of documents for the ranking rules on words: proximity, field, position, exactness."""

from collections.abc import Sequence
from functools import cached_property

from portal_local.search.index.bitmaps import numbers_in
from portal_local.search.index.index import Index
from portal_local.search.query.matcher import Matcher, TermSpans, nearness
from portal_local.search.ranking.rules import Group

MAX_DISTANCE = 7
POSITIONS = (0, 1, 4, 7, 11, 16, 24, 64, 256, 1024)  # the last distance of each grade


class WordCosts:
    """Computes the cost of each document of a group for one rule, and the highest possible cost."""

    def __init__(self, index: Index, matcher: Matcher) -> None:
        self._index = index
        self._matcher = matcher
        self._by_word = index.rules.settings["proximityPrecision"] == "byWord"
        self._cached: tuple[int, tuple[int, ...], list[dict[int, TermSpans]]] | None = None

    @cached_property
    def _weights(self) -> dict[int, int]:
        """The rank of each field, by its number."""
        rules = self._index.rules
        return {number: rules.weight(name) or 0 for name, number in self._index.fields.items()}

    def _spans(self, group: Group) -> list[dict[int, TermSpans]]:
        """Returns the positions of each term in the group; caches them for its subgroups."""
        if self._cached:
            read, terms, spans = self._cached
            if terms == group.terms and not group.bits & ~read:
                return spans
        spans = [self._matcher.spans(at, group.terms, group.bits) for at in group.terms]
        self._cached = (group.bits, group.terms, spans)
        return spans

    def proximity(self, group: Group) -> tuple[dict[int, int], int]:
        terms = self._matcher.terms
        spans = self._spans(group)
        near = nearness if self._by_word else _in_one_field
        pairs = [
            (left, left + 1)
            for left in range(len(spans) - 1)
            if terms[group.terms[left]].end + 1 == terms[group.terms[left + 1]].start
        ]
        costs: dict[int, int] = {}
        if pairs:
            for number in numbers_in(group.bits):
                costs[number] = sum(
                    near(spans[left][number], spans[right][number], MAX_DISTANCE)
                    for left, right in pairs
                )
        return costs, MAX_DISTANCE * max(0, len(group.terms) - 1)

    def attribute(self, group: Group) -> tuple[dict[int, int], int]:
        """Sums the rank of the best field in which each term occurs."""
        weights = self._weights
        costs = dict.fromkeys(numbers_in(group.bits), 0)
        for spans in self._spans(group):
            for number in costs:
                costs[number] += min(weights[field] for field in _fields(spans[number].starts))
        return costs, max(weights.values(), default=0) * len(group.terms)

    def position(self, group: Group) -> tuple[dict[int, int], int]:
        """Sums the difference between the positions of each term in the query and in a field."""
        terms = self._matcher.terms
        costs = dict.fromkeys(numbers_in(group.bits), 0)
        for spans in self._spans(group):
            for number in costs:
                span = spans[number]
                expected = terms[span.node.first].start
                off = min(abs((start & 0xFFFF) - expected) for start in span.starts)
                costs[number] += sum(off > last for last in POSITIONS)
        return costs, len(POSITIONS) * len(group.terms)

    def exact_attribute(self, group: Group) -> tuple[dict[int, int], int]:
        """Costs 0 if a field equals the query, 1 if a field starts with it, else 2."""
        terms = self._matcher.terms
        costs: dict[int, int] = {}
        if len(group.terms) < len(terms):
            return costs, 2
        begun: dict[int, set[int]] = {}
        offset = 0
        for at, term in enumerate(terms):
            places = self._matcher.as_written(at, group.bits)
            here = {n: {p - offset for p in found} for n, found in places.items()}
            begun = here if not at else {n: begun[n] & p for n, p in here.items() if n in begun}
            offset += len(term.words)
        for number, starts in begun.items():
            fields = [start >> 16 for start in starts if not start & 0xFFFF]
            if fields:
                whole = any(self._index.length(number, field) == offset for field in fields)
                costs[number] = 0 if whole else 1
        return costs, 2

    def exact_words(self, group: Group) -> tuple[dict[int, int], int]:
        """Counts the terms that do not occur in the document as written."""
        most = len(self._matcher.terms)
        costs = dict.fromkeys(numbers_in(group.bits), most)
        for at in group.terms:
            for number in self._matcher.as_written(at, group.bits):
                costs[number] -= 1
        return costs, most


def _in_one_field(left: TermSpans, right: TermSpans, most: int) -> int:
    """Proximity by field only: 0 for terms in one field, else the highest distance."""
    return 0 if _fields(left.starts) & _fields(right.starts) else most


def _fields(starts: Sequence[int]) -> set[int]:
    return {start >> 16 for start in starts}
