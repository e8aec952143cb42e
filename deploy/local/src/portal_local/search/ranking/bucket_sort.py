"""Sorts documents by the ranking rules group by group, as far as the page needs."""

import math
import time
from collections.abc import Iterator, Sequence

from portal_local.search.bitmaps import bits, numbers_in
from portal_local.search.index.facets import Field
from portal_local.search.index.index import Index
from portal_local.search.query.matcher import Matcher
from portal_local.search.ranking.rules import (
    CostRule,
    Grade,
    Group,
    Rule,
    SortRule,
    TypoRule,
    WordsRule,
    term_levels,
)
from portal_local.search.ranking.word_costs import WordCosts

Ranked = tuple[int, tuple[Grade, ...]]

WORD_RULES = frozenset(
    ("typo", "proximity", "attribute", "attributeRank", "wordPosition", "exactness")
)


def rules_for(
    index: Index, matcher: Matcher, strategy: str, sorts: Sequence[tuple[str, bool]]
) -> list[Rule]:
    """Returns the ranking rules that apply to the query; `words` comes before other word rules."""
    names = list(dict.fromkeys(index.rules.ranking))
    with_terms = bool(matcher.terms)
    if with_terms:
        first = next((at for at, name in enumerate(names) if name in WORD_RULES), None)
        if "words" not in names or (first is not None and first < names.index("words")):
            names = [name for name in names if name != "words"]
            names.insert(len(names) if first is None else first, "words")
    costs = WordCosts(index, matcher)
    rules: list[Rule] = []
    for name in names:
        if name == "sort":
            rules += [SortRule(index, field, descending=descending) for field, descending in sorts]
        elif ":" in name:
            field, _, direction = name.rpartition(":")
            rules.append(SortRule(index, field, descending=direction == "desc"))
        elif name == "words" and with_terms:
            rules.append(WordsRule(matcher, term_levels(matcher, strategy)))
        elif with_terms:
            rules += _word_rules(name, matcher, costs)
    return rules


def _word_rules(name: str, matcher: Matcher, costs: WordCosts) -> list[Rule]:
    match name:
        case "typo":
            return [TypoRule(matcher)]
        case "proximity":
            return [CostRule(name, costs.proximity, costs.alike)] if len(matcher.terms) > 1 else []
        case "attribute":
            return [
                CostRule("attributeRank", costs.attribute, costs.alike),
                CostRule("wordPosition", costs.position, costs.alike),
            ]
        case "attributeRank":
            return [CostRule(name, costs.attribute, costs.alike)]
        case "wordPosition":
            return [CostRule(name, costs.position, costs.alike)]
        case _:
            return [
                CostRule("exactAttribute", costs.exact_attribute, costs.alike),
                CostRule("exactWords", costs.exact_words, costs.alike),
            ]


class BucketSort:
    """Walks the groups of documents; skips whole groups before the page.

    After `end`, a time of time.perf_counter(), further groups are no longer sorted.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        *,
        graded: bool,
        distinct: Field | None,
        end: float = math.inf,
    ) -> None:
        self._rules = rules
        self._graded = graded
        self._distinct = distinct
        self._end = end
        self._excluded = 0
        self._skip = 0

    def page(self, found: int, start: int, count: int) -> list[Ranked]:
        """Returns the documents from `start` on, at most `count`."""
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
        sorted_out = at == len(self._rules) or (size == 1 and not self._graded)
        if sorted_out or time.perf_counter() >= self._end:
            yield from self._documents(left, group.grades)
            return
        for part in self._rules[at].groups(group if left == group.bits else _subgroup(group, left)):
            yield from self._walk(part, at + 1)

    def _documents(self, found: int, grades: tuple[Grade, ...]) -> Iterator[Ranked]:
        for number in numbers_in(found):
            if self._distinct is not None:
                if self._excluded >> number & 1:
                    continue
                self._excluded |= sharing_value(self._distinct, number)
            if self._skip:
                self._skip -= 1
            else:
                yield number, grades


def _subgroup(group: Group, found: int) -> Group:
    return Group(found, group.terms, group.typos, group.grades)


def sharing_value(field: Field, number: int) -> int:
    """Returns the documents that share a value of the field with the document."""
    found = 0
    mark = 1 << number
    for members in (*field.numbers.values(), *field.strings.values()):
        shared = bits(members)
        if shared & mark:
            found |= shared
    return found


def without_duplicates(field: Field, found: int) -> int:
    """Returns the first of all documents that share a value of the field."""
    unique = 0
    left = found
    for number in numbers_in(found):
        if left >> number & 1:
            unique |= 1 << number
            left &= ~sharing_value(field, number)
    return unique
