"""Expands the terms of a query: prefixes, typos, synonyms, joined and split words."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from portal_local.search.index.index import Index
from portal_local.search.index.tokenizer import MAX_WORD_BYTES
from portal_local.search.query.query import Term, Words
from portal_local.search.words.typos import similar_words

MAX_PREFIX_WORDS = 1000
MAX_SIMILAR_WORDS = (0, 150, 50)
MAX_SYNONYMS = 50
MAX_JOINED_WORDS = 3  # neighbouring words that are also tried as one word


@dataclass(frozen=True, slots=True)
class Node:
    """One term, or several neighbouring terms as one: alternatives by number of typos."""

    first: int
    last: int
    alternatives: tuple[tuple[Words, ...], tuple[Words, ...], tuple[Words, ...]]

    @property
    def joined(self) -> int:
        return self.last - self.first


class TermExpander:
    """Expands terms by the vocabulary and the settings of an index."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._rules = index.rules
        self._vocabulary = index.vocabulary

    def nodes(self, terms: Sequence[Term]) -> list[Node]:
        found = [self._single(at, term) for at, term in enumerate(terms)]
        for size in range(2, MAX_JOINED_WORDS + 1):
            for first in range(len(terms) - size + 1):
                node = self._joined(first, terms[first : first + size])
                if node is not None:
                    found.append(node)
        return found

    def allowed(self, term: Term) -> int:
        return 0 if term.phrase else self._allowed(term.word)

    def _allowed(self, word: str) -> int:
        typo = self._rules.typo
        if not typo["enabled"] or word in self._rules.exact_words:
            return 0
        if typo["disableOnNumbers"] and word.isdigit():
            return 0
        sizes = typo["minWordSizeForTypos"]
        if len(word) < sizes["oneTypo"]:
            return 0
        return 1 if len(word) < sizes["twoTypos"] else 2

    def _single(self, at: int, term: Term) -> Node:
        if term.phrase:
            return Node(at, at, ((term.words,), (), ()))
        word = term.word
        none, one, two = self._words(word, self._allowed(word), prefix=term.prefix)
        synonyms = self._rules.synonyms.get((word,), [])[:MAX_SYNONYMS]
        split = self._split(word)
        return Node(at, at, ((*none, *synonyms), (*one, *split), two))

    def _joined(self, first: int, terms: Sequence[Term]) -> Node | None:
        """Expands neighbouring words written as one word, and synonyms of the phrase."""
        if any(term.phrase for term in terms):
            return None
        if any(a.end + 1 != b.start for a, b in pairwise(terms)):
            return None
        word = "".join(term.word for term in terms)
        if len(word) > MAX_WORD_BYTES:
            return None
        allowed = max(0, self._allowed(word) - (len(terms) - 1))
        none, one, two = self._words(word, allowed, prefix=terms[-1].prefix)
        synonyms = self._rules.synonyms.get(tuple(term.word for term in terms), [])
        alternatives = ((*none, *synonyms[:MAX_SYNONYMS]), one, two)
        if not any(alternatives):
            return None
        return Node(first, first + len(terms) - 1, alternatives)

    def _words(
        self, word: str, allowed: int, *, prefix: bool
    ) -> tuple[tuple[Words, ...], tuple[Words, ...], tuple[Words, ...]]:
        vocabulary = self._vocabulary
        key = (word, allowed, prefix)
        known = vocabulary.expansions.get(key)
        if known is not None:
            return known
        exact = [word] if vocabulary.has(word) else []
        begun = vocabulary.with_prefix(word, MAX_PREFIX_WORDS) if prefix else exact
        found: tuple[list[Words], list[Words], list[Words]] = ([(w,) for w in begun], [], [])
        for other, typos in similar_words(vocabulary.sorted, word, allowed, prefix=prefix):
            if typos and len(found[typos]) < MAX_SIMILAR_WORDS[typos]:
                found[typos].append((other,))
        derived = (tuple(found[0]), tuple(found[1]), tuple(found[2]))
        vocabulary.store_expansion(key, derived)
        return derived

    def _split(self, word: str) -> list[Words]:
        """Splits a word into the two words that are neighbours most often."""
        vocabulary = self._vocabulary
        best: Counter[tuple[str, str]] = Counter()
        for cut in range(1, len(word)):
            left, right = word[:cut], word[cut:]
            if vocabulary.has(left) and vocabulary.has(right):
                best[left, right] = self._neighbours(left, right)
        pair, many = best.most_common(1)[0] if best else (None, 0)
        return [pair] if pair and many else []

    def _neighbours(self, left: str, right: str) -> int:
        """Returns the number of documents in which the two words are neighbours."""
        ids = self._vocabulary.ids
        postings = self._index.postings.load([ids[left], ids[right]])
        one, other = postings.get(ids[left]), postings.get(ids[right])
        if one is None or other is None:
            return 0
        return sum(
            1
            for number, places in one.iterate(one.bits & other.bits)
            if not set(map((1).__add__, places)).isdisjoint(other.positions(number))
        )
