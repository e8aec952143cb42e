"""Which words of a search were corrected: the words that were found instead."""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, cast

from portal_gateway.engine.client import Hit
from portal_gateway.results.models import Correction
from portal_gateway.search.query_words import Word

BEGIN, END = "\ue000", "\ue001"  # private use characters: no record has them
FIELDS = ("title", "samples", "keywords", "techniques", "facts")
MAX_HITS = 20  # that are looked at
_MARKED = re.compile(f"{BEGIN}([^{END}]*){END}")
_WORD = re.compile(r"\w+")
_ALIKE = 0.6


def highlight_options() -> dict[str, Any]:
    """Returns the options of an engine query whose hits corrections() reads."""
    return {
        "attributesToHighlight": list(FIELDS),
        "highlightPreTag": BEGIN,
        "highlightPostTag": END,
    }


def corrections(words: Sequence[Word], hits: Iterable[Hit]) -> list[Correction]:
    """Returns the words that no hit has as typed, with the similar word that was found instead."""
    found: dict[str, int] = {}
    texts: set[str] = set()
    for hit in hits:
        for text in _texts(hit.get("_formatted") or {}):
            texts.update(_WORD.findall(text.replace(BEGIN, "").replace(END, "").casefold()))
            for marked in _MARKED.findall(text):
                word = marked.casefold()
                found[word] = found.get(word, 0) + 1
    made: list[Correction] = []
    for word in words:
        typed = word.text.casefold()
        if word.exact or typed in texts or any(one.startswith(typed) for one in texts):
            continue
        best = max(found, key=lambda one: (_likeness(typed, one), found[one]), default=None)
        if best is not None and _likeness(typed, best) >= _ALIKE:
            made.append(Correction(from_word=word.text, to_word=best))
    return made


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _texts(formatted: Mapping[str, Any]) -> Iterable[str]:
    for field in FIELDS:
        value = formatted.get(field)
        listed = cast("list[Any]", value) if isinstance(value, list) else [value]
        yield from (text for text in listed if isinstance(text, str))
