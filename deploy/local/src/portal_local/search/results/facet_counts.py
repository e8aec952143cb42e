"""Facet counts, number statistics, and the search for facet values."""

from collections.abc import Mapping, Sequence
from typing import Any

from portal_local.search.bitmaps import Membership
from portal_local.search.errors import Failure
from portal_local.search.index.attributes import IndexRules
from portal_local.search.index.facets import Facets, Field
from portal_local.search.index.index import Index
from portal_local.search.index.tokenizer import fold, number_text
from portal_local.search.words.typos import prefix_range, similar_words

FACET_HITS = 100


def distribution(
    index: Index, wanted: Sequence[str], found: int
) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, float]]]:
    """Returns counts by value, and the lowest and highest numbers, among the documents found."""
    names = _names(index, wanted)
    members = Membership(found)
    counts: dict[str, dict[str, int]] = {}
    stats: dict[str, dict[str, float]] = {}
    faceting = index.rules.settings["faceting"]
    for name in names:
        field = index.facets.field(name)
        order = _order(faceting["sortFacetValuesBy"], name)
        counts[name] = _counts(field, members, faceting["maxValuesPerFacet"], order)
        bounds = _bounds(field, members)
        if bounds:
            stats[name] = bounds
    return counts, stats


def _names(index: Index, wanted: Sequence[str]) -> list[str]:
    rules = index.rules
    if "*" in wanted:
        return sorted(name for name in index.facets.fields if rules.features(name) is not None)
    unknown = sorted({name for name in wanted if rules.features(name) is None})
    if unknown:
        raise Failure("invalid_search_facets", _refusal(rules, unknown))
    return sorted(set(wanted))


def _refusal(rules: IndexRules, unknown: Sequence[str]) -> str:
    listed = ", ".join(f"`{name}`" for name in unknown)
    verb = "Attribute {} is" if len(unknown) == 1 else "Attributes {} are"
    patterns = rules.filterable_patterns()
    if not patterns:
        tail = "This index does not have configured filterable attributes."
    else:
        names = ", ".join(f"`{pattern}`" for pattern in patterns)
        tail = f"Available filterable attributes patterns are: {names}."
    return f"Invalid facet distribution: {verb.format(listed)} not filterable. {tail}"


def _order(orders: Mapping[str, str], name: str) -> str:
    return orders.get(name, orders["*"])


def _counts(field: Field, members: Membership, most: int, order: str) -> dict[str, int]:
    counted: list[tuple[str, int]] = []
    for key in field.sorted_numbers():
        many = members.count(field.numbers[key])
        if many:
            counted.append((number_text(key), many))
            if order == "alpha" and len(counted) >= most:
                return dict(counted)
    for key in field.sorted_strings():
        many = members.count(field.strings[key])
        if many:
            counted.append((field.label(key), many))
            if order == "alpha" and len(counted) >= most:
                return dict(counted)
    if order == "count":
        counted.sort(key=lambda pair: -pair[1])
    return dict(counted[:most])


def _bounds(field: Field, members: Membership) -> dict[str, float] | None:
    keys = field.sorted_numbers()
    low = next((key for key in keys if members.count(field.numbers[key])), None)
    if low is None:
        return None
    high = next(key for key in reversed(keys) if members.count(field.numbers[key]))
    return {"min": low, "max": high}


def facet_hits(
    rules: IndexRules, facets: Facets, name: str, query: str, found: int
) -> list[dict[str, Any]]:
    """Returns the values of a string facet of which a word or the start matches the query."""
    field = facets.field(name)
    members = Membership(found)
    words = rules.words(query)
    allowed = _allowed_typos(rules, words[-1]) if words else 0
    hits: list[tuple[str, int]] = []
    for key in field.sorted_strings():
        if words and not _like(rules.words(field.label(key)), words, allowed):
            continue
        many = members.count(field.strings[key])
        if many:
            hits.append((field.label(key), many))
    if _order(rules.settings["faceting"]["sortFacetValuesBy"], name) == "count":
        hits.sort(key=lambda pair: -pair[1])
    most = min(FACET_HITS, rules.settings["faceting"]["maxValuesPerFacet"])
    return [{"value": value, "count": many} for value, many in hits[:most]]


def _allowed_typos(rules: IndexRules, word: str) -> int:
    sizes = rules.typo["minWordSizeForTypos"]
    if not rules.typo["enabled"] or word in rules.exact_words or len(word) < sizes["oneTypo"]:
        return 0
    return 1 if len(word) < sizes["twoTypos"] else 2


def _like(have: Sequence[str], wanted: Sequence[str], allowed: int) -> bool:
    """Returns whether all words but the last occur, and the last as a prefix, with typos."""
    if any(word not in have for word in wanted[:-1]):
        return False
    listed = sorted({fold(word) for word in have})
    low, high = prefix_range(listed, wanted[-1])
    return low < high or any(similar_words(listed, wanted[-1], allowed, prefix=True))
