"""Costs of documents for the ranking rules on words: proximity, field, position, exactness."""

from collections.abc import Sequence
from functools import cached_property

from portal_local.search.bitmaps import Members, Membership, numbers_in, single
from portal_local.search.index.index import Index
from portal_local.search.query.matcher import Matcher, TermSpans, nearness
from portal_local.search.ranking.rules import Group
from portal_local.search.words import likeness
from portal_local.search.words.postings import Posting

MAX_DISTANCE = 7
POSITIONS = (0, 1, 4, 7, 11, 16, 24, 64, 256, 1024)  # the last distance of each grade


class WordCosts:
    """Computes the cost of each document of a group for one rule, and the highest possible cost."""

    def __init__(self, index: Index, matcher: Matcher) -> None:
        self._index = index
        self._matcher = matcher
        self._by_word = index.rules.settings["proximityPrecision"] == "byWord"
        self._read = 0  # documents whose spans are in the cache, for these terms
        self._read_terms: tuple[int, ...] = ()
        self._read_spans: list[dict[int, TermSpans]] = []
        self._grouped = 0  # documents of these groups
        self._groups: list[tuple[int, Members]] = []

    @cached_property
    def _weights(self) -> dict[int, int]:
        """The rank of each field, by its number."""
        rules = self._index.rules
        return {number: rules.weight(name) or 0 for name, number in self._index.fields.items()}

    @cached_property
    def _postings(self) -> list[Posting]:
        return self._matcher.postings()

    @cached_property
    def _whole_fields(self) -> list[int]:
        """The documents in which a field has as many words as the query, for each field."""
        words = sum(len(term.words) for term in self._matcher.terms)
        return [self._index.lengths.documents(field, words) for field in self._weights]

    def alike(self, group: Group) -> list[tuple[int, Members]]:
        """Returns sets of documents that have the same costs by all rules, with one of each."""
        if group.bits & ~self._grouped:
            found = likeness.groups(group.bits, self._postings, self._whole_fields)
            self._grouped, self._groups = group.bits, list(found)
            return self._groups
        if group.bits == self._grouped:
            return self._groups
        if group.bits.bit_count() < likeness.MIN_DOCUMENTS:
            return [(number, single(number)) for number in numbers_in(group.bits)]
        wanted = Membership(group.bits)
        among = ((number, wanted.part(members)) for number, members in self._groups)
        return [(number, members) for number, members in among if members]

    def _spans(self, group: Group) -> list[dict[int, TermSpans]]:
        """Returns the positions of each term in the group; caches them."""
        if self._read_terms != group.terms:
            self._read, self._read_terms = 0, group.terms
            self._read_spans = [{} for _ in group.terms]
        missing = group.bits & ~self._read
        if missing:
            for at, known in zip(group.terms, self._read_spans, strict=True):
                known.update(self._matcher.spans(at, group.terms, missing))
            self._read |= missing
        return self._read_spans

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
                whole = any(
                    self._index.lengths.documents(field, offset) >> number & 1 for field in fields
                )
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
