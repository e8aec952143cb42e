"""Checks updates of the settings of an index."""

from collections.abc import Mapping
from typing import Any

from portal_local.search import json_checks
from portal_local.search.errors import Failure
from portal_local.search.index.settings import DEFAULTS, Settings
from portal_local.search.json_checks import Check

BUILT_IN_RULES = (
    "words",
    "typo",
    "proximity",
    "attribute",
    "attributeRank",
    "wordPosition",
    "sort",
    "exactness",
)

FEATURES: Mapping[str, Any] = {
    "facetSearch": False,
    "filter": {"equality": True, "comparison": False},
}


def check_settings(given: Any) -> Settings:
    """Checks an update of settings. Raises Failure for unknown names and invalid values."""
    change = json_checks.mapping(given, "", "bad_request")
    json_checks.refuse_unknown(change, tuple(DEFAULTS), "", "bad_request")
    return {name: check_setting(name, value, f".{name}") for name, value in change.items()}


def check_setting(name: str, value: Any, where: str) -> Any:
    """Checks the new value of one setting; null restores the default."""
    if value is None:
        return None
    return _CHECKS[name](value, where, error_code(name))


def error_code(name: str) -> str:
    snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
    return f"invalid_settings_{snake}"


def _set_of_texts(value: Any, where: str, code: str) -> list[str]:
    return sorted(set(json_checks.texts(value, where, code)))


def _unique_texts(value: Any, where: str, code: str) -> list[str]:
    return list(dict.fromkeys(json_checks.texts(value, where, code)))


def _rules(value: Any, where: str, code: str) -> list[str]:
    rules = json_checks.texts(value, where, code)
    for index, rule in enumerate(rules):
        field, _, direction = rule.rpartition(":")
        if rule not in BUILT_IN_RULES and not (field and direction in ("asc", "desc")):
            raise Failure(
                code,
                f"Invalid value at `{where}[{index}]`: `{rule}` ranking rule is invalid. Valid "
                "ranking rules are words, typo, sort, proximity, attribute, attributeRank, "
                "wordPosition, exactness and custom ranking rules.",
            )
    if "attribute" in rules and {"attributeRank", "wordPosition"}.intersection(rules):
        raise Failure(
            code,
            f"Invalid value at `{where}`: `attribute` stands for `attributeRank` and "
            "`wordPosition` together and cannot be used beside them.",
        )
    return rules


def _filterable(value: Any, where: str, code: str) -> list[Any]:
    rules: list[Any] = []
    for index, rule in enumerate(json_checks.array(value, where, code)):
        place = f"{where}[{index}]"
        rules.append(rule if isinstance(rule, str) else _granular(rule, place, code))
    return rules


def _granular(value: Any, where: str, code: str) -> Settings:
    rule = json_checks.mapping(value, where, code)
    json_checks.refuse_unknown(rule, ("attributePatterns", "features"), where, code)
    if "attributePatterns" not in rule:
        raise Failure(code, f"Missing field `attributePatterns` inside `{where}`")
    patterns = json_checks.texts(rule["attributePatterns"], f"{where}.attributePatterns", code)
    features = json_checks.mapping(rule.get("features") or {}, f"{where}.features", code)
    json_checks.refuse_unknown(features, ("facetSearch", "filter"), f"{where}.features", code)
    inner = f"{where}.features.filter"
    filters = json_checks.mapping(features.get("filter") or {}, inner, code)
    json_checks.refuse_unknown(filters, ("equality", "comparison"), inner, code)
    for name in filters:
        json_checks.flag(filters[name], f"{inner}.{name}", code)
    searched = json_checks.flag(
        features.get("facetSearch", FEATURES["facetSearch"]), f"{where}.features.facetSearch", code
    )
    return {
        "attributePatterns": patterns,
        "features": {"facetSearch": searched, "filter": {**FEATURES["filter"], **filters}},
    }


def _synonyms(value: Any, where: str, code: str) -> dict[str, list[str]]:
    given = json_checks.mapping(value, where, code)
    return {word: json_checks.texts(given[word], f"{where}.{word}", code) for word in sorted(given)}


def _parts(checks: Mapping[str, Check]) -> Check:
    def check(value: Any, where: str, code: str) -> Settings:
        given = json_checks.mapping(value, where, code)
        json_checks.refuse_unknown(given, tuple(checks), where, code)
        return {
            name: None if part is None else checks[name](part, f"{where}.{name}", code)
            for name, part in given.items()
        }

    return check


def _sizes(value: Any, where: str, code: str) -> Settings:
    sizes = _parts({"oneTypo": json_checks.count, "twoTypos": json_checks.count})(
        value, where, code
    )
    one, two = sizes.get("oneTypo"), sizes.get("twoTypos")
    if max(one or 0, two or 0) > 255:  # noqa: PLR2004
        raise Failure(code, f"Invalid value at `{where}`: expected at most `255`.")
    if one is not None and two is not None and one > two:
        raise Failure(
            "invalid_settings_typo_tolerance",
            f"Invalid value at `{where}`: `minWordSizeForTypos` setting is invalid. `oneTypo` and "
            "`twoTypos` fields should be between `0` and `255`, and `twoTypos` should be greater "
            f"or equals to `oneTypo` but found `oneTypo: {one}` and twoTypos: {two}`.",
        )
    return sizes


def _orders(value: Any, where: str, code: str) -> Settings:
    given = json_checks.mapping(value, where, code)
    return {
        name: _one_of("alpha", "count")(v, f"{where}.{name}", code) for name, v in given.items()
    }


def _one_of(*allowed: str) -> Check:
    def check(value: Any, where: str, code: str) -> str:
        found = json_checks.text(value, where, code)
        if found not in allowed:
            listed = ", ".join(f"`{name}`" for name in allowed)
            raise Failure(code, f"Unknown value `{found}` at `{where}`: expected one of {listed}")
        return found

    return check


def _not_supported(value: Any, where: str, code: str) -> Any:
    if value:
        raise Failure(code, f"Invalid value at `{where}`: the search stand-in does not support it.")
    return value


_CHECKS: Mapping[str, Check] = {
    "displayedAttributes": _unique_texts,
    "searchableAttributes": _unique_texts,
    "filterableAttributes": _filterable,
    "sortableAttributes": _set_of_texts,
    "rankingRules": _rules,
    "stopWords": _set_of_texts,
    "nonSeparatorTokens": _set_of_texts,
    "separatorTokens": _set_of_texts,
    "dictionary": _set_of_texts,
    "synonyms": _synonyms,
    "distinctAttribute": json_checks.text,
    "proximityPrecision": _one_of("byWord", "byAttribute"),
    "typoTolerance": _parts(
        {
            "enabled": json_checks.flag,
            "minWordSizeForTypos": _sizes,
            "disableOnWords": _set_of_texts,
            "disableOnAttributes": _set_of_texts,
            "disableOnNumbers": json_checks.flag,
        }
    ),
    "faceting": _parts({"maxValuesPerFacet": json_checks.count, "sortFacetValuesBy": _orders}),
    "pagination": _parts({"maxTotalHits": json_checks.count}),
    "embedders": _not_supported,
    "searchCutoffMs": json_checks.count,
    "localizedAttributes": _not_supported,
    "facetSearch": json_checks.flag,
    "prefixSearch": _one_of("indexingTime", "disabled"),
}
