"""The words of a query: without empty words; identifiers, quantities and synonyms recognised."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from portal_shared.search import apostrophes, quantities, query_terms

MAX_WORDS = 10  # limit of the engine
MAX_CHARACTERS = 500
MIN_BEGUN_LETTERS = 2  # of an unfinished word: a single letter begins too many words
_CHUNK = re.compile(r"\S+")
_TOKEN = re.compile(r"[^\s\"“”„«»(),;:!?\[\]{}<>|\\/=*&^~]+")
_LAST_PART = re.compile(r"[^\W_]*$")


@dataclass(frozen=True)
class Word:
    text: str
    exact: bool  # an identifier or a number: similar words do not match
    written: str = ""  # as in the query, if that differs from the text

    @property
    def quoted(self) -> str:
        return f'"{self.text}"' if self.exact else self.text

    @property
    def shown(self) -> "Word":
        """The word as it occurs in texts, to highlight it there."""
        return Word(self.written, exact=True) if self.written else self

    @property
    def may_be_unfinished(self) -> bool:
        part = _LAST_PART.search(self.text)
        return not self.exact and part is not None and len(part[0]) >= MIN_BEGUN_LETTERS


def parse_words(query: str) -> list[Word]:
    """Returns the words to search, without empty words unless there are no others."""
    plain = quantities.normalize(apostrophes.without(query[:MAX_CHARACTERS]))
    read = query_terms.replace_phrases(plain)
    listed = list(dict.fromkeys(_words(read)))
    stop_words = query_terms.stop_words()
    chosen = [w for w in listed if w.text.lower() not in stop_words] or listed
    return chosen[:MAX_WORDS]


def _words(text: str) -> Iterator[Word]:
    """Yields quantities and synonyms of several words as one word each, and all other words."""
    at = 0
    for start, end, word in _phrases(text):
        if start >= at:
            yield from _single_words(text[at:start])
            yield word
            at = end
    yield from _single_words(text[at:])


def _phrases(text: str) -> list[tuple[int, int, Word]]:
    found = [
        (q.start, q.end, Word(q.word, exact=True, written=q.written)) for q in quantities.find(text)
    ]
    pattern = query_terms.synonym_phrases()
    if pattern:
        found += [(*m.span(), Word(m[0], exact=False)) for m in pattern.finditer(text)]
    return sorted(found, key=lambda phrase: phrase[:2])


def _single_words(text: str) -> Iterator[Word]:
    """Yields the words between punctuation; a letter that punctuation cuts off is no word."""
    for chunk in _CHUNK.findall(text):
        tokens = (t.strip(".-_%$#@+") for t in _TOKEN.findall(chunk))
        parts = [t for t in tokens if t]
        whole = [t for t in parts if len(t) > 1 or not t.isalpha()]
        for token in whole if len(parts) > 1 else parts:
            yield Word(token, _is_identifier(token))


def _is_identifier(text: str) -> bool:
    """Whether the text has a digit and no synonyms in any profile."""
    return any(c.isdigit() for c in text) and text.lower() not in _synonyms()


@cache
def _synonyms() -> frozenset[str]:
    return frozenset(word.lower() for group in query_terms.synonyms() for word in group)


def rarest_first(listed: Sequence[Word], counts: Mapping[Word, int]) -> list[Word]:
    """Returns the words that some record has: identifiers first, then by number of records.

    The engine drops words from the end if too few records have all of them.
    """
    known = [w for w in listed if counts[w]]
    return sorted(known, key=lambda w: (not w.exact, counts[w]))


def join_words(listed: Sequence[Word], *, unfinished: bool = False, exact: bool = False) -> str:
    """Joins words; a space at the end marks the last word as complete.

    `exact`: the engine neither corrects the words nor adds synonyms to them.
    """
    if exact:
        return " ".join(f'"{w.text}"' for w in listed)
    text = " ".join(w.quoted for w in listed)
    return text if unfinished or not text else text + " "


def join_phrase(listed: Sequence[Word]) -> str:
    """Joins words to a phrase: neighbours in this order."""
    return f'"{" ".join(w.text for w in listed)}"'
