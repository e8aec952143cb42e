"""The rules of an index for its fields: searchable, filterable, sortable, displayed."""

from collections.abc import Mapping
from typing import Any

from portal_local.search.index.attribute_patterns import any_covers, covers
from portal_local.search.index.tokenizer import Tokeniser, fold

DEFAULT_CUTOFF_MS = 1500
_COMPARISONS = frozenset((">", ">=", "<", "<=", "TO"))
_PRESENCE = frozenset(("EXISTS", "NULL", "EMPTY"))


class IndexRules:
    """The effective settings in the form that indexing and searching use."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self.searchable: list[str] = settings["searchableAttributes"]
        self.displayed: list[str] = settings["displayedAttributes"]
        self.sortable: list[str] = settings["sortableAttributes"]
        self.distinct: str | None = settings["distinctAttribute"]
        self.ranking: list[str] = settings["rankingRules"]
        self.typo: Mapping[str, Any] = settings["typoTolerance"]
        self.max_total_hits: int = settings["pagination"]["maxTotalHits"]
        cutoff: int | None = settings["searchCutoffMs"]
        self.max_seconds = (DEFAULT_CUTOFF_MS if cutoff is None else cutoff) / 1000
        self.stop_words = frozenset(fold(word) for word in settings["stopWords"])
        self.tokeniser = Tokeniser(
            settings["separatorTokens"], settings["nonSeparatorTokens"], settings["dictionary"]
        )
        self.exact_words = frozenset(fold(word) for word in self.typo["disableOnWords"])
        self.synonyms = self._synonyms()
        self._filterable: dict[str, Mapping[str, Any] | None] = {}
        self._in_facets: dict[str, bool] = {}
        self._weights: dict[str, int | None] = {}
        self._exact: dict[str, bool] = {}

    def _synonyms(self) -> dict[tuple[str, ...], list[tuple[str, ...]]]:
        found: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        for word, others in self.settings["synonyms"].items():
            key = self.words(word)
            if key:
                listed = [self.words(other) for other in others]
                found.setdefault(key, []).extend(words for words in listed if words)
        return found

    def words(self, text: str) -> tuple[str, ...]:
        return tuple(word for word, _ in self.tokeniser.words(text))

    def weight(self, name: str) -> int | None:
        """Returns the rank of a searchable field, None for a field that is not searched."""
        if name not in self._weights:
            self._weights[name] = self._find_weight(name)
        return self._weights[name]

    def _find_weight(self, name: str) -> int | None:
        if "*" in self.searchable:
            return 0
        for index, pattern in enumerate(self.searchable):
            if covers(pattern, name):
                return index
        return None

    def is_exact_field(self, name: str) -> bool:
        if name not in self._exact:
            self._exact[name] = any_covers(self.typo["disableOnAttributes"], name)
        return self._exact[name]

    def is_displayed(self, name: str) -> bool:
        return "*" in self.displayed or any_covers(self.displayed, name)

    def is_sortable(self, name: str) -> bool:
        return any_covers(self.sortable, name)

    def features(self, name: str) -> Mapping[str, Any] | None:
        """Returns the features of the first rule for a field, None if it is not filterable."""
        if name not in self._filterable:
            self._filterable[name] = self._features(name)
        return self._filterable[name]

    def _features(self, name: str) -> Mapping[str, Any] | None:
        for rule in self.settings["filterableAttributes"]:
            if isinstance(rule, str):
                if covers(rule, name):
                    return {"facetSearch": True, "filter": {"equality": True, "comparison": True}}
            elif any_covers(rule["attributePatterns"], name):
                return rule["features"]
        return None

    def filterable_patterns(self) -> list[str]:
        patterns: list[str] = []
        for rule in self.settings["filterableAttributes"]:
            patterns += [rule] if isinstance(rule, str) else rule["attributePatterns"]
        return sorted(set(patterns))

    def why_not_filterable(self, name: str, operator: str = "=") -> str | None:
        """Returns the error message for a filter, None if the filter is allowed."""
        features = self.features(name)
        if features is None:
            patterns = self.filterable_patterns()
            if not patterns:
                tail = "This index does not have configured filterable attributes."
            else:
                listed = ", ".join(f"`{pattern}`" for pattern in patterns)
                tail = f"Available filterable attribute patterns are: {listed}."
            return f"Attribute `{name}` is not filterable. {tail}"
        if operator in _PRESENCE:
            return None
        feature = "comparison" if operator in _COMPARISONS else "equality"
        if features["filter"][feature]:
            return None
        return f"Filter operator `{operator}` is not allowed for the attribute `{name}`."

    def is_in_facets(self, name: str) -> bool:
        """Returns whether the values of a field are in memory for filters, facets or sorting."""
        if name not in self._in_facets:
            custom = [rule.rpartition(":")[0] for rule in self.ranking if ":" in rule]
            own = [self.distinct] if self.distinct else []
            self._in_facets[name] = self.features(name) is not None or any_covers(
                [*self.sortable, *custom, *own], name
            )
        return self._in_facets[name]
