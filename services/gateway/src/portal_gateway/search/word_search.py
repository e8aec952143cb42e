"""Chooses how the engine searches the words of a query, so that what was meant is found.

The first of these searches that finds a record is used; *notes* are the free text about persons.

1. all the words as written, in the texts that describe a record
2. the words as a phrase, then all the words as written, in all texts with the notes
3. all the words in texts that describe a record, with typos; the last word may be unfinished
4. the same in all texts
5. the same without words that no record has
6. some of the words, the rarest first
"""

from collections.abc import Iterable, Sequence
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
    if exact:
        searches = [_as_written(index, words), *_written(words)]
        hits = await _count(engine, index, searches)
        return next((search for search in searches if hits[search]), None)
    chosen = await _with_all_words(engine, index, words)
    if chosen is not None or len(words) == 1:
        return chosen
    return await _with_known_words(engine, index, words)


async def _with_all_words(engine: Engine, index: str, words: Sequence[Word]) -> WordSearch | None:
    """Returns the first search that finds a record with all the words; None if there is none.

    The widest searches are counted together with the first one: what they do not find, no other
    does, so that unknown words cost one request.
    """
    as_written, widest = _as_written(index, words), _with_typos(words)
    hits = await _count(engine, index, [as_written, *widest])
    if hits[as_written]:
        return as_written
    if not any(hits[search] for search in widest):
        return None
    narrower = [*_written(words), *_with_typos(words, fields=_describing(index))]
    hits |= await _count(engine, index, narrower)
    return next(search for search in (*narrower, *widest) if hits[search])


async def _with_known_words(engine: Engine, index: str, words: Sequence[Word]) -> WordSearch | None:
    """Returns the search without the words that no record has, or with some of the words."""
    last = words[-1]
    begun = WordSearch(query_words.join_words([last], unfinished=True))
    single = {word: WordSearch(query_words.join_words([word])) for word in words}
    searches = [*single.values(), *([begun] if last.may_be_unfinished else [])]
    hits = await _count(engine, index, searches)
    counts = {word: hits[search] for word, search in single.items()}
    known = [word for word in words if counts[word]]
    unfinished = not counts[last] and hits.get(begun, 0) > 0
    listed = [*known, last] if unfinished else known
    if not listed:
        return None
    ignored = tuple(word.written or word.text for word in words if word not in listed)
    if ignored:
        chosen = await _with_all_words(engine, index, listed)
        if chosen is not None:
            return replace(chosen, ignored=ignored)
    ordered = query_words.rarest_first(known, counts)
    ordered += [last] if unfinished else []
    text = query_words.join_words(ordered, unfinished=unfinished)
    return WordSearch(text, strategy="last", words=tuple(ordered), ignored=ignored)


def _as_written(index: str, words: Sequence[Word]) -> WordSearch:
    text = query_words.join_words(words, exact=True)
    return WordSearch(text, fields=_describing(index), exact=True, words=tuple(words))


def _describing(index: str) -> tuple[str, ...]:
    return index_fields.DESCRIBING[index]


def _written(words: Sequence[Word]) -> list[WordSearch]:
    """Returns the searches of the words as written in all texts: as a phrase, then all of them."""
    texts = [query_words.join_phrase(words)] if len(words) > 1 else []
    texts.append(query_words.join_words(words, exact=True))
    return [WordSearch(text, exact=True, words=tuple(words)) for text in texts]


def _with_typos(
    words: Sequence[Word], *, fields: tuple[str, ...] | None = None
) -> list[WordSearch]:
    """Returns the searches with typos; also with the last word unfinished, if it may be."""
    unfinished = (False, True) if words[-1].may_be_unfinished else (False,)
    texts = [query_words.join_words(words, unfinished=one) for one in unfinished]
    return [WordSearch(text, fields=fields, words=tuple(words)) for text in texts]


async def _count(
    engine: Engine, index: str, searches: Iterable[WordSearch]
) -> dict[WordSearch, int]:
    """Returns the number of records that each search finds, by one request."""
    distinct = list(dict.fromkeys(searches))
    queries = [{**search.parameters(), "hitsPerPage": 0, "page": 1} for search in distinct]
    answers = await engine.multi_search(index, queries)
    return {one: answer["totalHits"] for one, answer in zip(distinct, answers, strict=True)}
