"""Finds the words of a query in a text, for highlights, crops and match positions."""

from dataclasses import dataclass

from portal_local.search.index.attributes import IndexRules
from portal_local.search.index.tokenizer import fold
from portal_local.search.query.matcher import Matcher
from portal_local.search.query.query import Words


@dataclass(frozen=True, slots=True)
class Match:
    """A matched part of a text, and the words (from, to) that it belongs to."""

    start: int
    end: int
    first: int
    last: int


class Highlighter:
    """Finds the matches of one query in texts."""

    def __init__(self, rules: IndexRules, matcher: Matcher) -> None:
        self._tokeniser = rules.tokeniser
        self._words: set[str] = set()
        self._rows: list[Words] = []
        self._beginnings: list[str] = []
        terms = matcher.terms
        for node in matcher.nodes:
            for alternatives in node.alternatives:
                for words in alternatives:
                    if len(words) > 1:
                        self._rows.append(words)
                    else:
                        self._words.update(word for word in words if word)
            if terms[node.last].prefix:
                joined = "".join(term.word for term in terms[node.first : node.last + 1])
                self._beginnings.append(joined)

    def __bool__(self) -> bool:
        return bool(self._words or self._rows or self._beginnings)

    def spans(self, text: str) -> list[tuple[int, int]]:
        return list(self._tokeniser.spans(text))

    def marks(self, text: str, spans: list[tuple[int, int]]) -> list[Match]:
        words = [fold(text[start:end]) for start, end in spans]
        found: list[Match] = []
        behind = 0
        for at, word in enumerate(words):
            if at < behind:
                continue
            many = self._row_length(words, at)
            start, end = spans[at]
            if many:
                found.append(Match(start, spans[at + many - 1][1], at, at + many - 1))
                behind = at + many
            elif word in self._words or any(word.startswith(b) for b in self._beginnings):
                found.append(Match(start, self._end(word, start, end), at, at))
        return found

    def _row_length(self, words: list[str], at: int) -> int:
        for row in self._rows:
            part = words[at : at + len(row)]
            if len(part) == len(row) and all(
                wanted in (None, word) for wanted, word in zip(row, part, strict=True)
            ):
                return len(row)
        return 0

    def _end(self, word: str, start: int, end: int) -> int:
        """Returns the end of the match: of a prefix match, only the prefix is highlighted."""
        lengths = [len(b) for b in self._beginnings if word.startswith(b)]
        return start + max(lengths) if lengths and len(word) == end - start else end
