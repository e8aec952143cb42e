"""Parses the text of a query to terms: words, quoted phrases, and excluded words."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from portal_local.search.index.attributes import IndexRules
from portal_local.search.index.tokenizer import CLAUSE_STEP, ends_clause, fold

MAX_TERMS = 10

Words = tuple[str | None, ...]
"""Consecutive words; None is a stop word and matches any word."""


@dataclass(frozen=True, slots=True)
class Term:
    """A word or a phrase of the query and its positions in the query."""

    words: Words
    start: int
    end: int
    phrase: bool = False
    prefix: bool = False

    @property
    def word(self) -> str:
        return self.words[0] or ""


@dataclass(slots=True)
class Query:
    """The terms, at most MAX_TERMS, and the words and phrases that exclude a document."""

    terms: list[Term] = field(default_factory=list[Term])
    excluded: list[Words] = field(default_factory=list[Words])


class _QueryParser:
    """Reads words and the gaps between them from left to right."""

    def __init__(self, rules: IndexRules) -> None:
        self._rules = rules
        self.query = Query()
        self._position = -1
        self._quoted: list[str | None] | None = None
        self._quoted_at = 0
        self._quote_excludes = False
        self._excludes = False

    def gap(self, gap: str, *, first: bool) -> None:
        """Reads a gap: quotes open and close phrases, a minus excludes the next word or phrase."""
        if ends_clause(gap) and gap:
            self._position += CLAUSE_STEP - 1
            if self._quoted:
                excludes = self._quote_excludes
                self.close()
                self._quoted, self._quote_excludes = [], excludes
        self._excludes = False
        before = " " if first else "x"
        for char in gap:
            if char == '"':
                if self._quoted is None:
                    self._quoted, self._quote_excludes = [], self._excludes
                else:
                    self.close()
            self._excludes = char == "-" and self._quoted is None and before.isspace()
            before = char

    def word(self, word: str, *, last: bool) -> None:
        self._position += 1
        stop = word in self._rules.stop_words
        if self._quoted is not None:
            if not any(self._quoted):
                self._quoted, self._quoted_at = [], self._position
            self._quoted.append(None if stop else word)
        elif self._excludes:
            self.query.excluded.append((word,))
            self._excludes = False
        elif last or not stop:
            prefix = last and self._rules.settings["prefixSearch"] != "disabled"
            self._add(Term((word,), self._position, self._position, prefix=prefix))

    def close(self) -> None:
        """Ends the open phrase."""
        words = self._quoted or []
        while words and words[-1] is None:
            words.pop()
        if words and self._quote_excludes:
            self.query.excluded.append(tuple(words))
        elif words:
            end = self._quoted_at + len(words) - 1
            self._add(Term(tuple(words), self._quoted_at, end, phrase=True))
        self._quoted = None
        self._quote_excludes = False

    def _add(self, term: Term) -> None:
        if len(self.query.terms) < MAX_TERMS:
            self.query.terms.append(term)


def parse_query(text: str, rules: IndexRules) -> Query:
    reader = _QueryParser(rules)
    behind = 0
    spans = list(_words(text, rules))
    for index, (start, end, word) in enumerate(spans):
        reader.gap(text[behind:start], first=not index)
        last = index == len(spans) - 1 and end == len(text)
        reader.word(word, last=last)
        behind = end
    reader.gap(text[behind:], first=not spans)
    reader.close()
    return reader.query


def _words(text: str, rules: IndexRules) -> Iterator[tuple[int, int, str]]:
    for start, end in rules.tokeniser.spans(text):
        word = fold(text[start:end])
        if word:
            yield start, end, word
