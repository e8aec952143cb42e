"""Prepares the words of a query for the engine: empty words, identifiers, synonyms, order."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from portal_shared.search import query_terms

MAX_WORDS = 10  # limit of the engine
MAX_CHARACTERS = 500
_TOKEN = re.compile(r"[^\s\"'“”„«»(),;:!?\[\]{}<>|\\/=*&^~`]+")


@dataclass(frozen=True)
class Word:
    text: str
    exact: bool  # an identifier or a number: similar words do not match

    @property
    def quoted(self) -> str:
        return f'"{self.text}"' if self.exact else self.text


def parse_words(query: str) -> list[Word]:
    """Returns the words to search, without empty words unless there are no others."""
    read = query_terms.replace_phrases(query[:MAX_CHARACTERS])
    found = [t.strip(".-_%$#@") for t in _TOKEN.findall(read)]
    listed = [t for t in dict.fromkeys(found) if t]
    chosen = [t for t in listed if t.lower() not in query_terms.stop_words()] or listed
    return [Word(t, _is_identifier(t)) for t in chosen][:MAX_WORDS]


def _is_identifier(text: str) -> bool:
    """Whether the text has a digit and no synonyms in any profile."""
    return any(c.isdigit() for c in text) and text.lower() not in _synonyms()


@cache
def _synonyms() -> frozenset[str]:
    return frozenset(word.lower() for group in query_terms.synonyms() for word in group)


def choose_words(listed: Sequence[Word], counts: Mapping[Word, int], *, begun: int) -> str | None:
    """Returns the query for the engine; None if no record has any of the words.

    The engine drops words from the end if too few records have all of them. So identifiers come
    first, then rare words; words that no record has are left out. `counts` has the records with
    each whole word, `begun` those with a word that begins like the last one. If no record has the
    whole last word, the reader may still be typing it: it stays last.
    """
    last = listed[-1]
    unfinished = begun > 0 and not counts[last]
    known = sorted((w for w in listed if counts[w]), key=lambda w: (not w.exact, counts[w]))
    parts = [w.quoted for w in known]
    if unfinished:
        return " ".join([*parts, last.text])
    if len(known) == 1 and known[0] is last and not last.exact:
        return last.text  # the only word: also finds words that begin like it
    return join_words(known, unfinished=False) or None


def join_words(listed: Sequence[Word], *, unfinished: bool) -> str:
    """Joins words; a space at the end marks the last word as complete."""
    text = " ".join(w.quoted for w in listed)
    return text if unfinished or not text else text + " "
