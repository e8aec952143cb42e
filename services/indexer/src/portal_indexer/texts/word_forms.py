"""Other forms of words: synonyms, singular and plural, without apostrophes and micro signs."""

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from portal_shared.search import apostrophes, query_terms

if TYPE_CHECKING:
    import inflect

MIN_LETTERS = 3  # of a word whose singular or plural is indexed
MAX_FORMS = 2000  # of one record
_WORD = re.compile(r"[A-Za-z]+")
_MICRO = re.compile(r"\w*[\u00b5\u03bc]\w*")


@cache
def _inflect() -> "inflect.engine":
    """Returns the engine. Imported at its first use, without checks of the types of arguments.

    The library decorates its functions with these checks, which parse its source once for each:
    with them the import takes 2.5 s, without 0.1 s.
    """
    import typeguard  # noqa: PLC0415

    decorator = typeguard.typechecked
    typeguard.typechecked = _undecorated
    try:
        import inflect  # noqa: PLC0415
    finally:
        typeguard.typechecked = decorator
    return inflect.engine()


def _undecorated(target: Any) -> Any:
    return target


def other_forms(texts: Iterable[str]) -> list[str]:
    """Returns the forms of the texts' words that the texts lack, and synonyms of their phrases."""
    listed = list(texts)
    words = _words(listed)
    forms = _singular_or_plural_of(words)
    synonyms = query_terms.other_meanings([*listed, *forms])
    forms |= synonyms | _singular_or_plural_of(_words(synonyms))
    respelt: set[str] = set()  # how the engine splits their words is not known here
    for text in listed:
        if not text.isascii() or "'" in text or "`" in text:
            respelt.update(word.lower() for word in apostrophes.forms(text))
            respelt.update(form for word in _MICRO.findall(text) for form in _latin_micro(word))
    return sorted((forms - words) | respelt)[:MAX_FORMS]


def _words(texts: Iterable[str]) -> set[str]:
    found = (word.lower() for text in texts for word in _WORD.findall(text))
    return {word for word in found if len(word) >= MIN_LETTERS}


def _singular_or_plural_of(words: Iterable[str]) -> set[str]:
    return {form for word in words for form in _singular_or_plural(word)}


def _latin_micro(word: str) -> tuple[str, ...]:
    """Returns `PPC-SrμCT` as people type it: with u, and with micro."""
    return tuple(re.sub(r"[\u00b5\u03bc]", letters, word).lower() for letters in ("u", "micro"))


@lru_cache(maxsize=100_000)
def _singular_or_plural(word: str) -> tuple[str, ...]:
    singular = _inflect().singular_noun(word)
    return (str(singular),) if singular else (_inflect().plural_noun(word),)
