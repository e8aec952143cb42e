"""The parameters of a search: defaults and checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portal_local.search import json_checks
from portal_local.search.errors import Failure


@dataclass(slots=True)
class Params:
    """The checked parameters of one search."""

    q: str = ""
    offset: int = 0
    limit: int = 20
    page: int | None = None
    hits_per_page: int | None = None
    filter: Any = None
    facets: list[str] | None = None
    sort: list[str] = field(default_factory=list[str])
    attributes_to_retrieve: list[str] = field(default_factory=lambda: ["*"])
    attributes_to_highlight: list[str] = field(default_factory=list[str])
    attributes_to_crop: list[str] = field(default_factory=list[str])
    attributes_to_search_on: list[str] | None = None
    crop_length: int = 10
    crop_marker: str = "…"
    highlight_pre_tag: str = "<em>"
    highlight_post_tag: str = "</em>"
    show_matches_position: bool = False
    show_ranking_score: bool = False
    show_ranking_score_details: bool = False
    ranking_score_threshold: float | None = None
    matching_strategy: str = "last"
    distinct: str | None = None

    @property
    def is_paged(self) -> bool:
        return self.page is not None or self.hits_per_page is not None

    def window(self, max_hits: int) -> tuple[int, int]:
        """Returns the first hit and the number of hits, within the first `max_hits`."""
        if self.is_paged:
            size = 20 if self.hits_per_page is None else self.hits_per_page
            page = 1 if self.page is None else self.page
            start = min(size * (page - 1), max_hits) if page else 0
            return start, min(size, max_hits - start) if page else 0
        start = min(self.offset, max_hits)
        return start, min(self.limit, max_hits - start)


def _strategy(value: Any, where: str, code: str) -> str:
    found = json_checks.text(value, where, code)
    if found not in ("last", "all", "frequency"):
        raise Failure(
            code,
            f"Unknown value `{found}` at `{where}`: expected one of `last`, `all`, `frequency`",
        )
    return found


def _threshold(value: Any, where: str, code: str) -> float:
    found = json_checks.number(value, where, code)
    if not 0 <= found <= 1:
        raise Failure(
            code,
            f"Invalid value at `{where}`: the value of `rankingScoreThreshold` is invalid, "
            "expected a float between `0.0` and `1.0`.",
        )
    return found


def _anything(value: Any, _where: str, _code: str) -> Any:
    return value


def _facets(value: Any, where: str, code: str) -> list[str]:
    return json_checks.texts(value, where, code)


def _not_supported(value: Any, where: str, code: str) -> None:
    raise Failure(
        code, f"Invalid value at `{where}`: the search stand-in does not support it: {value!r}"
    )


Form = tuple[str, json_checks.Check]
FIELDS: Mapping[str, Form] = {
    "q": ("q", json_checks.text),
    "offset": ("offset", json_checks.count),
    "limit": ("limit", json_checks.count),
    "page": ("page", json_checks.count),
    "hitsPerPage": ("hits_per_page", json_checks.count),
    "filter": ("filter", _anything),
    "facets": ("facets", _facets),
    "sort": ("sort", json_checks.texts),
    "attributesToRetrieve": ("attributes_to_retrieve", json_checks.texts),
    "attributesToHighlight": ("attributes_to_highlight", json_checks.texts),
    "attributesToCrop": ("attributes_to_crop", json_checks.texts),
    "attributesToSearchOn": ("attributes_to_search_on", json_checks.texts),
    "cropLength": ("crop_length", json_checks.count),
    "cropMarker": ("crop_marker", json_checks.text),
    "highlightPreTag": ("highlight_pre_tag", json_checks.text),
    "highlightPostTag": ("highlight_post_tag", json_checks.text),
    "showMatchesPosition": ("show_matches_position", json_checks.flag),
    "showRankingScore": ("show_ranking_score", json_checks.flag),
    "showRankingScoreDetails": ("show_ranking_score_details", json_checks.flag),
    "rankingScoreThreshold": ("ranking_score_threshold", _threshold),
    "matchingStrategy": ("matching_strategy", _strategy),
    "distinct": ("distinct", json_checks.text),
    "vector": ("", _not_supported),
    "hybrid": ("", _not_supported),
    "locales": ("", _not_supported),
    "retrieveVectors": ("", json_checks.flag),
}


def error_code(name: str) -> str:
    snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
    return f"invalid_search_{snake}"


def parse_params(given: Any, place: str = "", also: tuple[str, ...] = ()) -> Params:
    """Parses the parameters of a JSON body; `also` are members that the caller reads."""
    body = json_checks.mapping(given, place, "bad_request")
    json_checks.refuse_unknown(body, (*FIELDS, *also), place, "bad_request")
    params = Params()
    for name, (attribute, check) in FIELDS.items():
        value = body.get(name)
        if value is not None:
            found = check(value, f"{place}.{name}", error_code(name))
            if attribute:
                setattr(params, attribute, found)
    return params
