"""Suggestions while typing: values of facets that match the typed words, with their counts."""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from portal_shared import profile

from portal_gateway.errors import BadRequest
from portal_gateway.filters.ast import Search
from portal_gateway.filters.schema import Entity
from portal_gateway.search.facets import FacetSearch

DEFAULT_LIMIT = 10
MAX_LIMIT = 100
MAX_TYPED_CHARACTERS = 100
_ALWAYS = {"Document": ("keywords", "techniques"), "Dataset": ("techniques", "samples"),
           "Instrument": ("name", "facility")}  # fmt: skip
Suggestion = dict[str, Any]


class Suggester:
    def __init__(self, facets: FacetSearch) -> None:
        self._facets = facets

    async def suggest(
        self, search: Search, typed: str, names: str, limit: str | None
    ) -> list[Suggestion]:
        """Returns values, of rows of the search, in which each typed word begins a word."""
        if len(typed) > MAX_TYPED_CHARACTERS:
            raise BadRequest(f"The typed text is longer than {MAX_TYPED_CHARACTERS} characters")
        max_values = _parse_limit(limit)
        counts = await self._facets.compute_facets(
            search, names or ",".join(default_facets(search.entity))
        )
        return rank_suggestions(_values(counts["facets"]), _words(typed))[:max_values]


def default_facets(entity: Entity) -> list[str]:
    """Returns the facets to use if the request has none: those of the profiles."""
    found = list(_ALWAYS[entity.name])
    for name in profile.names():
        facets = profile.load(name).facets
        found += {"Document": facets.documents, "Dataset": facets.datasets}.get(entity.name, ())
    return list(dict.fromkeys(found))


def rank_suggestions(suggestions: Iterator[Suggestion], words: Sequence[str]) -> list[Suggestion]:
    """Returns matching values: those that begin with the text first, then by count and value."""
    fitting = [s for s in suggestions if _fits(s["value"], words)]
    start = " ".join(words)

    def rank(one: Suggestion) -> tuple[bool, int, str, str]:
        begins = _folded(one["value"]).startswith(start)
        return not begins, -one["count"], one["value"], one["facet"]

    return sorted(fitting, key=rank)


def _values(facets: dict[str, Any]) -> Iterator[Suggestion]:
    for facet, values in facets.items():
        if isinstance(values, list):  # facets of numbers have ranges, not values
            for one in values:  # pyright: ignore[reportUnknownVariableType]
                yield {"value": one["value"], "facet": facet, "count": one["count"]}


def fits(text: str, typed: str) -> bool:
    """Whether each typed word begins a word of the text; case and accents do not count."""
    return _fits(text, _words(typed))


def begins(text: str, typed: str) -> bool:
    """Whether the text begins with the typed text."""
    return _folded(text).startswith(" ".join(_words(typed)))


def _fits(value: str, words: Sequence[str]) -> bool:
    own = _words(value)
    return all(any(w.startswith(word) for w in own) for word in words)


def _words(text: str) -> list[str]:
    """Returns folded words of letters and digits; a hyphen separates words."""
    return "".join(c if c.isalnum() else " " for c in _folded(text)).split()


def _folded(text: str) -> str:
    """Removes case and accents."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def _parse_limit(limit: str | None) -> int:
    if limit is None:
        return DEFAULT_LIMIT
    if limit.isascii() and limit.isdecimal() and 0 < int(limit[:9]) <= MAX_LIMIT:
        return int(limit)
    raise BadRequest(f"The limit parameter {limit[:100]} is not valid: expected 1 to {MAX_LIMIT}")
