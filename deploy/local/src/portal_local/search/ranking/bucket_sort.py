"""The bucket sort: documents in order of the ranking rules, as far as they are asked for."""

from collections.abc import Iterator, Sequence

from portal_local.search.index.bitmaps import bits, numbers_in
from portal_local.search.index.facets import Field
from portal_local.search.index.index import Index
from portal_local.search.query.matching import Matching
from portal_local.search.ranking.proximity import Costs
from portal_local.search.ranking.rules import (
    ByCost,
    Grade,
    Group,
    Rule,
    Sort,
    Typo,
    Words,
    levels,
)

Ranked = tuple[int, tuple[Grade, ...]]

_OF_WORDS = frozenset(
    ("typo", "proximity", "attribute", "attributeRank", "wordPosition", "exactness")
)


def rules_for(
    index: Index, matching: Matching, strategy: str, sorts: Sequence[tuple[str, bool]]
) -> list[Rule]:
    """The rules of the index that this query sets to work, `words` before all about words."""
    names = list(dict.fromkeys(index.rules.ranking))
    with_terms = bool(matching.terms)
    if with_terms:
        first = next((at for at, name in enumerate(names) if name in _OF_WORDS), None)
        if "words" not in names or (first is not None and first < names.index("words")):
            names = [name for name in names if name != "words"]
            names.insert(len(names) if first is None else first, "words")
    costs = Costs(index, matching)
    rules: list[Rule] = []
    for name in names:
        if name == "sort":
            rules += [Sort(index, field, descending=descending) for field, descending in sorts]
        elif ":" in name:
            field, _, direction = name.rpartition(":")
            rules.append(Sort(index, field, descending=direction == "desc"))
        elif name == "words" and with_terms:
            rules.append(Words(matching, levels(matching, strategy)))
        elif with_terms:
            rules += _about_words(name, matching, costs)
    return rules


def _about_words(name: str, matching: Matching, costs: Costs) -> list[Rule]:
    match name:
        case "typo":
            return [Typo(matching)]
        case "proximity":
            return [ByCost(name, costs.proximity)] if len(matching.terms) > 1 else []
        case "attribute":
            return [
                ByCost("attributeRank", costs.attribute),
                ByCost("wordPosition", costs.position),
            ]
        case "attributeRank":
            return [ByCost(name, costs.attribute)]
        case "wordPosition":
            return [ByCost(name, costs.position)]
        case _:
            return [
                ByCost("exactAttribute", costs.exact_attribute),
                ByCost("exactWords", costs.exact_words),
            ]


class Ordering:
    """Walks the groups; those before the page are passed over whole."""

    def __init__(self, rules: Sequence[Rule], *, graded: bool, distinct: Field | None) -> None:
        self._rules = rules
        self._graded = graded
        self._distinct = distinct
        self._excluded = 0
        self._skip = 0

    def page(self, found: int, start: int, count: int) -> list[Ranked]:
        """The documents from `start` on, at most `count`."""
        self._skip = start
        self._excluded = 0
        page: list[Ranked] = []
        if count:
            for ranked in self._walk(Group(found), 0):
                page.append(ranked)
                if len(page) == count:
                    break
        return page

    def _walk(self, group: Group, at: int) -> Iterator[Ranked]:
        left = group.bits & ~self._excluded
        size = left.bit_count()
        if not size:
            return
        if self._distinct is None and self._skip >= size:
            self._skip -= size
            return
        if at == len(self._rules) or (size == 1 and not self._graded):
            yield from self._documents(left, group.grades)
            return
        for part in self._rules[at].groups(group if left == group.bits else _of(group, left)):
            yield from self._walk(part, at + 1)

    def _documents(self, found: int, grades: tuple[Grade, ...]) -> Iterator[Ranked]:
        for number in numbers_in(found):
            if self._distinct is not None:
                if self._excluded >> number & 1:
                    continue
                self._excluded |= alike(self._distinct, number)
            if self._skip:
                self._skip -= 1
            else:
                yield number, grades


def _of(group: Group, found: int) -> Group:
    return Group(found, group.kept, group.typos, group.grades)


def alike(field: Field, number: int) -> int:
    """The documents that share a value of the field with one."""
    found = 0
    mark = 1 << number
    for members in (*field.numbers.values(), *field.strings.values()):
        shared = bits(members)
        if shared & mark:
            found |= shared
    return found


def one_of_each(field: Field, found: int) -> int:
    """The documents that remain when of those alike only one is kept."""
    kept = 0
    left = found
    for number in numbers_in(found):
        if left >> number & 1:
            kept |= 1 << number
            left &= ~alike(field, number)
    return kept
