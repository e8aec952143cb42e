"""Rules for words of texts and queries, from all profiles: synonyms, stop words, phrases, numbers.

The indexer applies them to texts, the gateway to queries.
"""

import re
from collections.abc import Iterable
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
def synonym_phrases() -> re.Pattern[str] | None:
    """Returns a pattern of the synonyms of several words; blanks and hyphens are alike in it."""
    phrases = [p for group in synonyms() for p in group if re.search(r"[\s-]", p)]
    return _phrase_regex(phrases) if phrases else None


@cache
def references() -> frozenset[str]:
    """Returns parameters that name another record: its words do not describe this one."""
    return frozenset(
        parameter
        for name in profile.names()
        for parameter, rule in profile.load(name).parameters.items()
        if rule.reference
    )


@cache
def listed_values() -> dict[str, frozenset[str]]:
    """Returns the allowed values of each parameter for which a profile lists them."""
    found: dict[str, frozenset[str]] = {}
    for name in profile.names():
        for parameter, rule in profile.load(name).parameters.items():
            found[parameter] = found.get(parameter, frozenset()) | frozenset(rule.values)
    return {parameter: values for parameter, values in found.items() if values}


def same_meaning(text: str) -> tuple[str, ...]:
    """Returns the text in lower case and its synonyms."""
    lower = text.lower()
    return tuple(dict.fromkeys((lower, *_meanings().get(_normalize(lower), ()))))


def other_meanings(texts: Iterable[str]) -> set[str]:
    """Returns the synonyms of words and phrases in the texts, in lower case."""
    pattern = _synonym_pattern()
    if pattern is None:
        return set()
    found = {_normalize(m) for text in texts for m in pattern.findall(text)}
    return {other for one in found for other in _meanings()[one]}


@cache
def _meanings() -> dict[str, tuple[str, ...]]:
    """Returns the synonyms of each word or phrase, in lower case and without itself."""
    found: dict[str, list[str]] = {}
    for group in synonyms():
        for word in group:
            others = [w.lower() for w in group if w != word]
            found.setdefault(_normalize(word), []).extend(others)
    return {word: tuple(dict.fromkeys(others)) for word, others in found.items()}


@cache
def _synonym_pattern() -> re.Pattern[str] | None:
    words = [word for group in synonyms() for word in group]
    return _phrase_regex(words) if words else None


def _phrase_regex(phrases: Iterable[str]) -> re.Pattern[str]:
    """Returns a pattern of whole phrases; blanks, hyphens and underscores are alike in it."""
    longest_first = sorted(set(phrases), key=len, reverse=True)
    parts = (map(re.escape, re.split(r"[\s-]+", phrase)) for phrase in longest_first)
    listed = "|".join(r"[\s_-]+".join(words) for words in parts)
    return re.compile(rf"(?<![^\W_])(?:{listed})(?![^\W_])", re.IGNORECASE)


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
def age_groups() -> dict[str, str]:
    """Returns the parameters with ages that facets do not count, and those with their groups."""
    rules = [profile.load(name).ages for name in profile.names()]
    return {
        parameter: rule.group
        for rule in rules
        if rule.above_89 == "grouped" and rule.group
        for parameter in rule.parameters
    }


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
    return " ".join(re.split(r"[\s_-]+", phrase.strip().lower()))


@cache
def _number_pattern() -> re.Pattern[str] | None:
    words = sorted({w for name in profile.names() for w in profile.load(name).search.numbered})
    if not words:
        return None
    listed = "|".join(map(re.escape, words))
    return re.compile(rf"\b({listed})[-_ ]?0*(\d{{1,2}})(?!\d)", re.IGNORECASE)
