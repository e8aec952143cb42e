"""Singular and plural of English words, so that either is found by the other. Pure."""

import re
from collections.abc import Iterable
from functools import lru_cache

import inflect

SHORTEST = 3
MOST = 2000  # forms of one record
_WORD = re.compile(r"[A-Za-z]+")
_NUMBER_OF = inflect.engine()


def other_forms(texts: Iterable[str]) -> list[str]:
    """The forms of their words that the texts themselves do not have."""
    words = {w.lower() for text in texts for w in _WORD.findall(text) if len(w) >= SHORTEST}
    found = {form for word in words for form in _forms(word)}
    return sorted(found - words)[:MOST]


@lru_cache(maxsize=100_000)
def _forms(word: str) -> tuple[str, ...]:
    singular = _NUMBER_OF.singular_noun(word)
    return (str(singular),) if singular else (_NUMBER_OF.plural_noun(word),)
