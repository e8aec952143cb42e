"""The Meilisearch settings of each index: searchable fields by weight, filters, ranking, typos."""

from collections.abc import Iterable
from typing import Any

from portal_shared.search import index_fields, parameter_fields, query_terms

MAX_HITS = 10_000_000


def settings(index: str) -> dict[str, Any]:
    return {
        "searchableAttributes": list(index_fields.SEARCHABLE[index]),
        "displayedAttributes": ["*"],
        "filterableAttributes": [
            _filterable([*index_fields.EQUATABLE, parameter_fields.layout()], comparison=False),
            _filterable(index_fields.COMPARABLE, comparison=True),
        ],
        "sortableAttributes": sorted(index_fields.SORTABLE),
        # A requested order wins over relevance; records that are alike are in the order of pids.
        "rankingRules": [
            "sort",
            "words",
            "typo",
            "attribute",
            "proximity",
            "exactness",
            f"{index_fields.ORDER}:asc",
        ],
        "synonyms": synonyms(query_terms.synonyms()),
        "typoTolerance": {
            "enabled": True,
            "minWordSizeForTypos": {"oneTypo": 5, "twoTypos": 9},
            "disableOnAttributes": ["forms", "identifiers", "numbers"],
            "disableOnWords": [],
            "disableOnNumbers": True,
        },
        "pagination": {"maxTotalHits": MAX_HITS},
        "searchCutoffMs": index_fields.SEARCH_CUTOFF_MS,
        "faceting": {
            "maxValuesPerFacet": index_fields.MAX_FACET_VALUES,
            # The documents above a dataset are sorted by pid.
            "sortFacetValuesBy": {"*": "count", index_fields.PARENT_DOCUMENTS: "alpha"},
        },
    }


def _filterable(patterns: Iterable[str], *, comparison: bool) -> dict[str, Any]:
    """Returns the rule of some fields. What a rule does not allow costs no time in indexing."""
    features = {"facetSearch": False, "filter": {"equality": True, "comparison": comparison}}
    return {"attributePatterns": sorted(patterns), "features": features}


def synonyms(groups: Iterable[tuple[str, ...]]) -> dict[str, list[str]]:
    """Maps each word of a group to all other words of the group."""
    found: dict[str, set[str]] = {}
    for group in groups:
        for word in group:
            found.setdefault(word, set()).update(other for other in group if other != word)
    return {word: sorted(others) for word, others in sorted(found.items())}
