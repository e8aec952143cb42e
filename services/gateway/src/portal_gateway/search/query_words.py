"""The words of a query, as the engine is asked for them. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from portal_shared.search import query_terms

MOST_WORDS = 10  # the engine takes no more
LONGEST = 500  # characters
_TOKEN = re.compile(r"[^\s\"'“”„«»(),;:!?\[\]{}<>|\\/=*&^~`]+")


@dataclass(frozen=True)
class Word:
    text: str
    exact: bool  # an identifier or a number: never another one by a typo

    @property
    def quoted(self) -> str:
        return f'"{self.text}"' if self.exact else self.text


def words(query: str) -> list[Word]:
    """What is worth searching of a query, in its order; a query of empty words alone stays."""
    read = query_terms.replace_phrases(query[:LONGEST])
    found = [t.strip(".-_%$#@") for t in _TOKEN.findall(read)]
    listed = [t for t in dict.fromkeys(found) if t]
    telling = [t for t in listed if t.lower() not in query_terms.stop_words()] or listed
    return [Word(t, _identifies(t)) for t in telling][:MOST_WORDS]


def _identifies(text: str) -> bool:
    """It holds a digit, and no profile knows other words for it."""
    return any(c.isdigit() for c in text) and text.lower() not in _synonyms()


@cache
def _synonyms() -> frozenset[str]:
    return frozenset(word.lower() for group in query_terms.synonyms() for word in group)


def asked(listed: Sequence[Word], counts: Mapping[Word, int], *, begun: int) -> str | None:
    """The query for the engine; None when nobody has any of its words.

    The engine gives up words from the end, so the most telling come first: identifiers, then rare
    ones, without those that nobody has. `counts` are of whole words, `begun` of all words that
    begin like the last one. A last word that nobody has whole may be unfinished: it stays last.
    """
    last = listed[-1]
    unfinished = begun > 0 and not counts[last]
    known = sorted((w for w in listed if counts[w]), key=lambda w: (not w.exact, counts[w]))
    parts = [w.quoted for w in known]
    if unfinished:
        return " ".join([*parts, last.text])
    if len(known) == 1 and known[0] is last and not last.exact:
        return last.text  # alone: whatever begins like it, the word itself first
    return question(known, unfinished=False) or None


def question(listed: Sequence[Word], *, unfinished: bool) -> str:
    """What follows the last word says that it is whole."""
    text = " ".join(w.quoted for w in listed)
    return text if unfinished or not text else text + " "
