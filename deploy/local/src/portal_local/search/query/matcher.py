"""Matches a query with the documents of an index: which documents, how many typos, where."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from portal_local.search.bitmaps import Members, Membership, union
from portal_local.search.index.index import Index
from portal_local.search.query.expansion import Node, TermExpander
from portal_local.search.query.query import Query, Term, Words
from portal_local.search.words import likeness
from portal_local.search.words.postings import Posting

Rows = list[tuple[Members, list[int]]]
"""Documents, and the first positions of consecutive words in each of them."""


@dataclass(frozen=True, slots=True)
class TermSpans:
    """The positions of a term in a document: first and last words, sorted by the first.

    `joined` is the node's size when the term was matched together with its neighbours.
    """

    starts: Sequence[int]
    ends: Sequence[int]
    node: Node


class Matcher:
    """Matches the terms of one query with one index, optionally only in some fields."""

    def __init__(self, index: Index, query: Query, fields: frozenset[int] | None) -> None:
        self._index = index
        self._fields = fields
        exact_only = frozenset(
            number for name, number in index.fields.items() if index.rules.is_exact_field(name)
        )
        every = frozenset(index.fields.values()) if fields is None else fields
        self._fields_with_typos = every - exact_only if exact_only else fields
        self.terms: Sequence[Term] = query.terms
        self._excluded = query.excluded
        deriving = TermExpander(index)
        self.nodes = deriving.nodes(query.terms)
        self.max_typos = sum(
            0 if term.phrase else max(1, deriving.allowed(term)) for term in query.terms
        )
        self._starting: dict[int, list[Node]] = {}
        for node in self.nodes:
            self._starting.setdefault(node.first, []).append(node)
        self._bits: dict[tuple[int, int], int] = {}
        self._phrases: dict[tuple[Words, bool], Rows] = {}

    def excluded(self) -> int:
        """Returns the documents with a word or phrase that the query excludes."""
        found = 0
        for words in self._excluded:
            found |= self._words_bits([words], exact=True)
        return found

    def by_typos(self, terms: Sequence[int], universe: int) -> dict[int, int]:
        """Returns the documents that match all the terms, by their least number of typos."""
        places = {at: order for order, at in enumerate(terms)}
        reach: list[dict[int, int]] = [{} for _ in range(len(terms) + 1)]
        reach[0] = {0: universe}
        for order, at in enumerate(terms):
            for node in self._starting[at]:
                if places.get(node.last, -1) != order + node.joined:
                    continue
                target = reach[order + node.joined + 1]
                for typos in range(3):
                    self._extend(reach[order], target, node, typos)
        found: dict[int, int] = {}
        seen = 0
        for typos, bits in sorted(reach[-1].items()):
            if bits & ~seen:
                found[typos] = bits & ~seen
                seen |= bits
        return found

    def _extend(
        self, source: dict[int, int], target: dict[int, int], node: Node, typos: int
    ) -> None:
        matched = self.bits(node, typos)
        if not matched:
            return
        for before, bits in source.items():
            both = bits & matched
            if both:
                cost = before + typos + node.joined
                target[cost] = target.get(cost, 0) | both

    def bits(self, node: Node, typos: int) -> int:
        """Returns the documents with one of the node's alternatives of so many typos."""
        key = (id(node), typos)
        known = self._bits.get(key)
        if known is None:
            known = self._words_bits(node.alternatives[typos], exact=typos == 0)
            self._bits[key] = known
        return known

    def frequency(self, at: int) -> int:
        """Returns the number of documents in which a term occurs as written."""
        return self.bits(self._starting[at][0], 0).bit_count()

    def _words_bits(self, alternatives: Iterable[Words], *, exact: bool) -> int:
        found = 0
        fields = self._allowed_fields(exact=exact)
        singles: list[int] = []
        for words in alternatives:
            if len(words) == 1:
                word_id = self._index.vocabulary.ids.get(words[0] or "")
                if word_id is not None:
                    singles.append(word_id)
            else:
                found |= union(members for members, _ in self._phrase(words, exact=exact))
        for posting in self._index.postings.load(singles).values():
            found |= posting.bits if fields is None else posting.bits_in(fields)
        return found

    def _allowed_fields(self, *, exact: bool) -> frozenset[int] | None:
        """Returns the fields in which words may be; None for all. Some have no typos."""
        return self._fields if exact else self._fields_with_typos

    def _phrase(self, words: Words, *, exact: bool) -> Rows:
        """Returns the first positions of consecutive words in documents, in the selected fields."""
        key = (words, exact)
        known = self._phrases.get(key)
        if known is None:
            known = self._phrases[key] = self._rows(words, exact=exact)
        return known

    def _rows(self, words: Words, *, exact: bool) -> Rows:
        ids = self._index.vocabulary.ids
        wanted = [(offset, ids.get(word, -1)) for offset, word in enumerate(words) if word]
        postings = self._index.postings.load([word_id for _, word_id in wanted])
        if not wanted or any(word_id not in postings for _, word_id in wanted):
            return []
        common = -1
        for posting in postings.values():
            common &= posting.bits
        fields = self._allowed_fields(exact=exact)
        if fields is not None:
            for posting in postings.values():
                common &= posting.bits_in(fields)
        found: Rows = []
        for number, members in likeness.groups(common, postings.values()):
            starts = self._row(number, wanted, postings)
            if fields is not None:
                starts = {at for at in starts if at >> 16 in fields}
            if starts:
                found.append((members, sorted(starts)))
        return found

    def _row(
        self, number: int, wanted: Sequence[tuple[int, int]], postings: dict[int, Posting]
    ) -> set[int]:
        first, word_id = wanted[0]
        starts = {at - first for at in postings[word_id].positions(number)}
        for offset, other in wanted[1:]:
            if starts:
                starts &= {at - offset for at in postings[other].positions(number)}
        return starts

    def spans(self, at: int, terms: Sequence[int], among: int) -> dict[int, TermSpans]:
        """Returns the positions of a term by document, in its reading with the fewest typos."""
        sources = sorted(
            (
                (typos + node.joined, node.joined, typos, node)
                for node in self.nodes
                if node.first <= at <= node.last
                and all(part in terms for part in range(node.first, node.last + 1))
                for typos in range(3)
                if node.alternatives[typos]
            ),
            key=lambda source: source[:3],
        )
        found: dict[int, TermSpans] = {}
        for _, _, typos, node in sources:
            part = among & self.bits(node, typos)
            if part:
                among &= ~part
                found.update(self._spans_of(node, typos, part))
        return found

    def _spans_of(self, node: Node, typos: int, among: int) -> Iterator[tuple[int, TermSpans]]:
        if all(len(words) == 1 for words in node.alternatives[typos]):
            return self._spans_of_words(node, typos, among)
        return self._spans_of_rows(node, typos, among)

    def _spans_of_words(
        self, node: Node, typos: int, among: int
    ) -> Iterator[tuple[int, TermSpans]]:
        """Yields the spans of alternatives that are single words: first and last are the same."""
        found: dict[int, list[int]] = {}
        exact = typos == 0
        for number, places in self._single_places(node.alternatives[typos], among, exact=exact):
            found.setdefault(number, []).extend(places)
        for number, starts in found.items():
            starts.sort()
            yield number, TermSpans(starts, starts, node)

    def _spans_of_rows(self, node: Node, typos: int, among: int) -> Iterator[tuple[int, TermSpans]]:
        pairs: dict[int, list[tuple[int, int]]] = {}
        for words in node.alternatives[typos]:
            last = len(words) - 1
            for number, starts in self._places(words, among, exact=typos == 0):
                pairs.setdefault(number, []).extend((at, at + last) for at in starts)
        for number, listed in pairs.items():
            listed.sort()
            yield (
                number,
                TermSpans([start for start, _ in listed], [end for _, end in listed], node),
            )

    def _places(
        self, words: Words, among: int, *, exact: bool
    ) -> Iterator[tuple[int, Sequence[int]]]:
        if len(words) > 1:
            wanted = Membership(among)
            for members, starts in self._phrase(words, exact=exact):
                for number in wanted.numbers(members):
                    yield number, starts
            return
        yield from self._single_places([words], among, exact=exact)

    def _single_places(
        self, alternatives: Iterable[Words], among: int, *, exact: bool
    ) -> Iterator[tuple[int, Sequence[int]]]:
        """Yields the positions of single words by document."""
        fields = self._allowed_fields(exact=exact)
        ids = self._index.vocabulary.ids
        word_ids = [ids.get(words[0], -1) for words in alternatives if words[0]]
        for posting in self._index.postings.load(word_ids).values():
            yield from posting.iterate(among, fields)

    def postings(self) -> list[Posting]:
        """Returns the postings of all words by which documents are matched and ranked."""
        listed = {
            word
            for node in self.nodes
            for alternatives in node.alternatives
            for words in alternatives
            for word in words
            if word
        }
        listed.update(word for term in self.terms for word in term.words if word)
        ids = self._index.vocabulary.ids
        known = [ids[word] for word in sorted(listed) if word in ids]
        return list(self._index.postings.load(known).values())

    def as_written(self, at: int, among: int) -> dict[int, Sequence[int]]:
        """Returns the positions of a term exactly as in the query: no typo, prefix or synonym."""
        return dict(self._places(self.terms[at].words, among, exact=True))


def nearness(left: TermSpans, right: TermSpans, most: int) -> int:
    """Returns the least distance from the left term to the right one, at most `most`.

    The distance of neighbours is 0; terms in the wrong order count one more.
    """
    if left.node is right.node and left.node.joined:
        return 1
    best = most
    ends = sorted(left.ends)
    for start in right.starts:
        at = bisect_left(ends, start)
        if at:
            best = min(best, start - ends[at - 1] - 1)
        if at < len(left.starts):
            best = min(best, abs(left.starts[at] - start))
    return max(0, best)
