"""What the ranking rules about the places of words count: nearness, field, position, exactness."""

from collections.abc import Sequence

from portal_local.search.index.bitmaps import numbers_in
from portal_local.search.index.index import Index
from portal_local.search.query.matching import Matching, Spans, nearness
from portal_local.search.ranking.rules import Group

FARTHEST = 7
POSITIONS = (0, 1, 4, 7, 11, 16, 24, 64, 256, 1024)  # the last distance of each grade


class Costs:
    """What the rules about places cost a document."""

    def __init__(self, index: Index, matching: Matching) -> None:
        self._index = index
        self._matching = matching
        names = index.field_names()
        self._weights = {number: index.rules.weight(name) or 0 for number, name in names.items()}
        self._by_word = index.rules.settings["proximityPrecision"] == "byWord"
        self._cached: tuple[int, tuple[int, ...], list[dict[int, Spans]]] | None = None

    def _spans(self, group: Group) -> list[dict[int, Spans]]:
        """Every kept term's places in the group; a group within the last one is not read again."""
        if self._cached:
            read, kept, spans = self._cached
            if kept == group.kept and not group.bits & ~read:
                return spans
        spans = [self._matching.spans(at, group.kept, group.bits) for at in group.kept]
        self._cached = (group.bits, group.kept, spans)
        return spans

    def proximity(self, group: Group) -> tuple[dict[int, int], int]:
        terms = self._matching.terms
        spans = self._spans(group)
        near = nearness if self._by_word else _in_one_field
        pairs = [
            (left, left + 1)
            for left in range(len(spans) - 1)
            if terms[group.kept[left]].end + 1 == terms[group.kept[left + 1]].start
        ]
        costs: dict[int, int] = {}
        if pairs:
            for number in numbers_in(group.bits):
                costs[number] = sum(
                    near(spans[left][number], spans[right][number], FARTHEST)
                    for left, right in pairs
                )
        return costs, FARTHEST * max(0, len(group.kept) - 1)

    def attribute(self, group: Group) -> tuple[dict[int, int], int]:
        """The rank of the best field in which each term stands."""
        weights = self._weights
        costs = dict.fromkeys(numbers_in(group.bits), 0)
        for spans in self._spans(group):
            for number in costs:
                costs[number] += min(weights[field] for field in _fields(spans[number].starts))
        return costs, max(weights.values(), default=0) * len(group.kept)

    def position(self, group: Group) -> tuple[dict[int, int], int]:
        """How far from its position in the query each term stands in a field."""
        terms = self._matching.terms
        costs = dict.fromkeys(numbers_in(group.bits), 0)
        for spans in self._spans(group):
            for number in costs:
                span = spans[number]
                asked = terms[span.node.first].start
                off = min(abs((start & 0xFFFF) - asked) for start in span.starts)
                costs[number] += sum(off > last for last in POSITIONS)
        return costs, len(POSITIONS) * len(group.kept)

    def exact_attribute(self, group: Group) -> tuple[dict[int, int], int]:
        """0 where a field is the query, 1 where one begins with it."""
        terms = self._matching.terms
        costs: dict[int, int] = {}
        if len(group.kept) < len(terms):
            return costs, 2
        begun: dict[int, set[int]] = {}
        offset = 0
        for at, term in enumerate(terms):
            places = self._matching.as_written(at, group.bits)
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
        """How many terms do not stand in the document as they are written."""
        most = len(self._matching.terms)
        costs = dict.fromkeys(numbers_in(group.bits), most)
        for at in group.kept:
            for number in self._matching.as_written(at, group.bits):
                costs[number] -= 1
        return costs, most


def _in_one_field(left: Spans, right: Spans, most: int) -> int:
    """Nearness when only fields are told apart."""
    return 0 if _fields(left.starts) & _fields(right.starts) else most


def _fields(starts: Sequence[int]) -> set[int]:
    return {start >> 16 for start in starts}
