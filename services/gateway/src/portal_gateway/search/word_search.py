"""Chooses how the engine searches the words of a query, so that what was meant is found.

The first of these searches that finds a record is used; *notes* are the free text about persons.

1. all the words as written, in the texts that describe a record
2. the words as a phrase, then all the words as written, in all texts with the notes
3. all the words in texts that describe a record, with typos; the last word may be unfinished
4. the same in all texts
5. the same without words that no record has
6. some of the words, the rarest first
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from portal_shared.search import index_fields

from portal_gateway.engine.client import Engine
from portal_gateway.search import query_words
from portal_gateway.search.query_words import Word


@dataclass(frozen=True)
class WordSearch:
    """The words of a query as parameters of an engine request."""

    text: str
    strategy: str = "all"  # or last: words may be missing from the end
    fields: tuple[str, ...] | None = None  # None: all texts
    exact: bool = False  # neither typos nor unfinished words match
    words: tuple[Word, ...] = ()  # that are searched
    ignored: tuple[str, ...] = ()  # words that no record has

    def parameters(self) -> dict[str, Any]:
        found: dict[str, Any] = {"q": self.text, "matchingStrategy": self.strategy}
        if self.fields is not None:
            found["attributesToSearchOn"] = list(self.fields)
        return found


async def choose(
    engine: Engine, index: str, query: str, *, exact: bool = False
) -> WordSearch | None:
    """Returns how the words are searched; None if no record has any of them.

    `exact`: only all the words as written, or as a phrase.
    """
    words = query_words.parse_words(query)
    if not words:
        return None
    as_written = _as_written(index, words)
    if (await _count(engine, index, [as_written]))[0]:
        return as_written
    others = [one for one in _searches(index, words) if one.exact or not exact]
    if exact:
        hits = await _count(engine, index, others)
        return next((o for o, count in zip(others, hits, strict=True) if count), None)
    single = [WordSearch(query_words.join_words([word])) for word in words]
    hits = await _count(engine, index, [*others, *single])
    chosen = next((o for o, count in zip(others, hits, strict=False) if count), None)
    if chosen is not None:
        return chosen
    return await _with_known_words(engine, index, words, hits[len(others) :])


async def _with_known_words(
    engine: Engine, index: str, words: Sequence[Word], hits: Sequence[int]
) -> WordSearch | None:
    """Returns the search without the words that no record has; `hits` is by word."""
    counts = dict(zip(words, hits, strict=True))
    last = words[-1]
    known = [word for word in words if counts[word]]
    unfinished = False
    if not counts[last] and last.may_be_unfinished:
        begun = WordSearch(query_words.join_words([last], unfinished=True))
        unfinished = (await _count(engine, index, [begun]))[0] > 0
    listed = [*known, last] if unfinished else known
    if not listed:
        return None
    ignored = tuple(word.written or word.text for word in words if word not in listed)
    if len(listed) < len(words):
        searches = [_as_written(index, listed), *_searches(index, listed)]
        hits = await _count(engine, index, searches)
        chosen = next((s for s, count in zip(searches, hits, strict=True) if count), None)
        if chosen is not None:
            return replace(chosen, ignored=ignored)
    ordered = query_words.rarest_first(known, counts)
    ordered += [last] if unfinished else []
    text = query_words.join_words(ordered, unfinished=unfinished)
    return WordSearch(text, strategy="last", words=tuple(ordered), ignored=ignored)


def _as_written(index: str, words: Sequence[Word]) -> WordSearch:
    return WordSearch(
        query_words.join_words(words, exact=True),
        fields=_describing(index),
        exact=True,
        words=tuple(words),
    )


def _describing(index: str) -> tuple[str, ...]:
    return index_fields.DESCRIBING[index]


def _searches(index: str, words: Sequence[Word]) -> list[WordSearch]:
    """Returns the searches that are tried in turn if no description has the words as written."""
    written = query_words.join_words(words, exact=True)
    whole = query_words.join_words(words)
    begun = query_words.join_words(words, unfinished=True) if words[-1].may_be_unfinished else None
    listed = tuple(words)
    phrase = WordSearch(query_words.join_phrase(words), exact=True, words=listed)
    found = [phrase] if len(words) > 1 else []
    found.append(WordSearch(written, exact=True, words=listed))
    for fields in (_describing(index), None):
        found.append(WordSearch(whole, fields=fields, words=listed))
        found += [WordSearch(begun, fields=fields, words=listed)] if begun else []
    return found


async def _count(engine: Engine, index: str, searches: Sequence[WordSearch]) -> list[int]:
    queries = [{**search.parameters(), "hitsPerPage": 0, "page": 1} for search in searches]
    return [answer["totalHits"] for answer in await engine.multi_search(index, queries)]
