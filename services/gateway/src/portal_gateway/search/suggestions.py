"""Values to complete what a reader is typing: those that facets count, with their counts."""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from portal_shared import profile

from portal_gateway.errors import Refused
from portal_gateway.filters.ast import Search
from portal_gateway.filters.schema import Entity
from portal_gateway.search.facets import Faceting

USUAL = 10
MOST = 100
LONGEST = 100  # characters typed
_ALWAYS = {"Document": ("keywords", "techniques"), "Dataset": ("techniques", "samples"),
           "Instrument": ("name", "facility")}  # fmt: skip
Suggestion = dict[str, Any]


class Suggesting:
    def __init__(self, faceting: Faceting) -> None:
        self._faceting = faceting

    async def told(
        self, search: Search, typed: str, names: str, limit: str | None
    ) -> list[Suggestion]:
        """Of rows that the search selects: values with each typed word at the beginning of one."""
        if len(typed) > LONGEST:
            raise Refused(f"The typed text is longer than {LONGEST} characters")
        most = _most(limit)
        told = await self._faceting.told(search, names or ",".join(usual(search.entity)))
        return best(_values(told["facets"]), _words(typed))[:most]


def usual(entity: Entity) -> list[str]:
    """What is completed when nothing is named: the facets that the profiles count by."""
    found = list(_ALWAYS[entity.name])
    for name in profile.names():
        facets = profile.load(name).facets
        found += {"Document": facets.documents, "Dataset": facets.datasets}.get(entity.name, ())
    return list(dict.fromkeys(found))


def best(suggestions: Iterator[Suggestion], words: Sequence[str]) -> list[Suggestion]:
    """Those that fit, whole beginnings first, then the more frequent, then by value."""
    fitting = [s for s in suggestions if _fits(s["value"], words)]
    start = " ".join(words)

    def rank(one: Suggestion) -> tuple[bool, int, str, str]:
        begins = _folded(one["value"]).startswith(start)
        return not begins, -one["count"], one["value"], one["facet"]

    return sorted(fitting, key=rank)


def _values(facets: dict[str, Any]) -> Iterator[Suggestion]:
    for facet, values in facets.items():
        if isinstance(values, list):  # of numbers there are ranges, not values
            for one in values:  # pyright: ignore[reportUnknownVariableType]
                yield {"value": one["value"], "facet": facet, "count": one["count"]}


def _fits(value: str, words: Sequence[str]) -> bool:
    there = _words(value)
    return all(any(t.startswith(word) for t in there) for word in words)


def _words(text: str) -> list[str]:
    """Letters and digits, folded; a hyphen separates."""
    return "".join(c if c.isalnum() else " " for c in _folded(text)).split()


def _folded(text: str) -> str:
    """Without case and accents."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(c for c in apart if not unicodedata.combining(c)).casefold()


def _most(limit: str | None) -> int:
    if limit is None:
        return USUAL
    if limit.isascii() and limit.isdecimal() and 0 < int(limit[:9]) <= MOST:
        return int(limit)
    raise Refused(f"The limit parameter {limit[:100]} is not valid: expected 1 to {MOST}")
