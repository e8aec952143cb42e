"""What the engine is told of each index: what is searched, in which weight, and how."""

from collections.abc import Iterable
from typing import Any

from portal_shared.search import index_fields, query_terms

SEARCHED = {
    index_fields.DOCUMENTS: [
        "title",
        "keywords",
        "summary",
        "members",
        "datasets",
        "samples",
        "techniques",
        "facts",
        "forms",
        "identifiers",
        "numbers",
    ],
    index_fields.DATASETS: [
        "title",
        "samples",
        "techniques",
        "facts",
        "documents",
        "forms",
        "identifiers",
        "numbers",
    ],
    index_fields.INSTRUMENTS: ["name", "facility", "identifiers"],
}
MOST_HITS = 10_000_000


def settings(index: str) -> dict[str, Any]:
    return {
        "searchableAttributes": SEARCHED[index],
        "displayedAttributes": ["*"],
        "filterableAttributes": sorted(index_fields.FILTERABLE),
        "sortableAttributes": sorted(index_fields.SORTABLE),
        "rankingRules": ["words", "typo", "attribute", "proximity", "exactness", "sort"],
        "synonyms": synonyms(query_terms.synonyms()),
        "typoTolerance": {
            "enabled": True,
            "minWordSizeForTypos": {"oneTypo": 5, "twoTypos": 9},
            "disableOnAttributes": ["forms", "identifiers", "numbers"],
            "disableOnWords": [],
            "disableOnNumbers": True,
        },
        "pagination": {"maxTotalHits": MOST_HITS},
        "faceting": {
            "maxValuesPerFacet": index_fields.MAX_FACET_VALUES,
            "sortFacetValuesBy": {"*": "count", "up": "alpha"},  # documents: in their order
        },
    }


def synonyms(groups: Iterable[tuple[str, ...]]) -> dict[str, list[str]]:
    """Each word of a group with all the others."""
    found: dict[str, set[str]] = {}
    for group in groups:
        for word in group:
            found.setdefault(word, set()).update(other for other in group if other != word)
    return {word: sorted(others) for word, others in sorted(found.items())}
