"""Rules for words of texts and queries, from all profiles: synonyms, stop words, phrases, numbers.

The indexer applies them to texts, the gateway to queries.
"""

import re
from functools import cache

from portal_shared import profile


def replace_phrases(text: str) -> str:
    """Replaces phrases whose meaning differs from their words, by profile `search.read_as`."""
    pattern, meanings = _phrase_pattern()
    return pattern.sub(lambda m: meanings[_normalize(m[0])], text) if pattern else text


def number_variants(text: str) -> list[str]:
    """Returns the text with both spellings of its numbers: VOI-1.2 and VOI-01.2."""
    pattern = _number_pattern()
    if pattern is None or not pattern.search(text):
        return []
    return [
        pattern.sub(lambda m: f"{m[1]}-{int(m[2])}", text),
        pattern.sub(lambda m: f"{m[1]}-{int(m[2]):02d}", text),
    ]


@cache
def stop_words() -> frozenset[str]:
    """Returns words of questions that do not describe what is searched."""
    listed = (word for name in profile.names() for word in profile.load(name).search.empty_words)
    return frozenset(word.lower() for word in listed)


@cache
def synonyms() -> tuple[tuple[str, ...], ...]:
    """Returns groups of words and phrases with the same meaning."""
    return tuple(group for name in profile.names() for group in profile.load(name).synonyms)


@cache
def free_text_parameters() -> frozenset[str]:
    """Returns parameters with free text: searched, but not counted, suggested or quoted."""
    return frozenset(
        parameter
        for name in profile.names()
        for parameter, rule in profile.load(name).parameters.items()
        if rule.free_text
    )


@cache
def _phrase_pattern() -> tuple[re.Pattern[str] | None, dict[str, str]]:
    meanings = {
        _normalize(phrase): meaning
        for name in profile.names()
        for phrase, meaning in profile.load(name).search.read_as.items()
    }
    if not meanings:
        return None, {}
    longest_first = sorted(meanings, key=len, reverse=True)
    listed = "|".join(r"[\s-]+".join(map(re.escape, phrase.split())) for phrase in longest_first)
    return re.compile(rf"\b(?:{listed})\b", re.IGNORECASE), meanings


def _normalize(phrase: str) -> str:
    return " ".join(re.split(r"[\s-]+", phrase.strip().lower()))


@cache
def _number_pattern() -> re.Pattern[str] | None:
    words = sorted({w for name in profile.names() for w in profile.load(name).search.numbered})
    if not words:
        return None
    listed = "|".join(map(re.escape, words))
    return re.compile(rf"\b({listed})[-_ ]?0*(\d{{1,2}})(?!\d)", re.IGNORECASE)
