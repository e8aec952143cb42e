"""The settings of an index: defaults, and updates merged over them."""

from collections.abc import Mapping
from typing import Any

from portal_local.search import json_checks

Settings = dict[str, Any]

DEFAULTS: Mapping[str, Any] = {
    "displayedAttributes": ["*"],
    "searchableAttributes": ["*"],
    "filterableAttributes": [],
    "sortableAttributes": [],
    "rankingRules": [
        "words",
        "typo",
        "proximity",
        "attributeRank",
        "sort",
        "wordPosition",
        "exactness",
    ],
    "stopWords": [],
    "nonSeparatorTokens": [],
    "separatorTokens": [],
    "dictionary": [],
    "synonyms": {},
    "distinctAttribute": None,
    "proximityPrecision": "byWord",
    "typoTolerance": {
        "enabled": True,
        "minWordSizeForTypos": {"oneTypo": 5, "twoTypos": 9},
        "disableOnWords": [],
        "disableOnAttributes": [],
        "disableOnNumbers": False,
    },
    "faceting": {"maxValuesPerFacet": 100, "sortFacetValuesBy": {"*": "alpha"}},
    "pagination": {"maxTotalHits": 1000},
    "embedders": {},
    "searchCutoffMs": None,
    "localizedAttributes": None,
    "facetSearch": True,
    "prefixSearch": "indexingTime",
}


def with_defaults(own: Mapping[str, Any]) -> Settings:
    """Returns the effective settings: the index's own settings over the defaults."""
    merged: Settings = {}
    for name, default in DEFAULTS.items():
        merged[name] = _merge_default(default, own.get(name), whole=name == "synonyms")
    sorting = merged["faceting"]["sortFacetValuesBy"]
    merged["faceting"]["sortFacetValuesBy"] = {"*": "alpha", **sorting}
    return merged


def _merge_default(default: Any, own: Any, *, whole: bool = False) -> Any:
    if own is None:
        return default
    if isinstance(default, dict) and not whole:
        listed = json_checks.mapping(default, "", "internal")
        return {
            name: _merge_default(value, own.get(name), whole=name == "sortFacetValuesBy")
            for name, value in listed.items()
        }
    return own


def merge_update(own: Mapping[str, Any], change: Mapping[str, Any]) -> Settings:
    """Returns the index's own settings after a checked update; null restores the default."""
    result = dict(own)
    for name, value in change.items():
        if value is None:
            result.pop(name, None)
        elif name in ("typoTolerance", "faceting", "pagination"):
            result[name] = _merge_member(result.get(name) or {}, value)
        else:
            result[name] = value
    return result


def _merge_member(old: Mapping[str, Any], change: Mapping[str, Any]) -> Settings:
    result = dict(old)
    for name, value in change.items():
        if value is None:
            result.pop(name, None)
        elif name == "minWordSizeForTypos":
            result[name] = _merge_member(result.get(name) or {}, value)
        else:
            result[name] = value
    return result
