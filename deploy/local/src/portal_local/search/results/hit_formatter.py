"""Formats the extra members of a hit: score, highlighted and cropped text, match positions."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from portal_local.search.index.attribute_patterns import any_covers
from portal_local.search.index.flat_fields import prune
from portal_local.search.index.index import Index, JsonMembers
from portal_local.search.index.tokenizer import as_text
from portal_local.search.query.matcher import Matcher
from portal_local.search.ranking.rules import Grade
from portal_local.search.ranking.score import score, score_details
from portal_local.search.results.attributes import MemberSelection
from portal_local.search.results.highlighter import Highlighter, Match
from portal_local.search.results.params import Params


class HitFormatter:
    """Formats the hits of one search."""

    def __init__(
        self, index: Index, params: Params, matcher: Matcher, selection: MemberSelection
    ) -> None:
        self._params = params
        self._rules = index.rules
        self._selection = selection
        self._crops = _crops(params)
        self._formats = bool(self._crops or params.attributes_to_highlight)
        wanted = self._formats or params.show_matches_position
        self._marking = Highlighter(index.rules, matcher) if wanted else None

    def extras(self, document: JsonMembers, grades: Sequence[Grade]) -> Iterator[str]:
        """Yields the members of a hit that are not the document's own, as JSON text."""
        if self._marking is not None:
            content = json.loads("{" + ",".join(_members(document)) + "}")
            if self._formats:
                yield _member("_formatted", self._formatted(content, self._marking))
            if self._params.show_matches_position:
                yield _member("_matchesPosition", self._positions(content, self._marking))
        if self._params.show_ranking_score:
            yield _member("_rankingScore", score(grades))
        if self._params.show_ranking_score_details:
            yield _member("_rankingScoreDetails", score_details(grades))

    def _formatted(self, content: Mapping[str, Any], marking: Highlighter) -> Any:
        formatted = [*self._params.attributes_to_highlight, *self._crops]

        def keep(name: str) -> bool:
            wanted = self._selection.includes(name) or any_covers(formatted, name)
            return wanted and self._rules.is_displayed(name)

        return {
            name: self._value(name, value, marking) for name, value in prune(content, keep).items()
        }

    def _value(self, name: str, value: Any, marking: Highlighter) -> Any:
        if isinstance(value, dict):
            return {
                key: self._value(f"{name}.{key}", inner, marking) for key, inner in _pairs(value)
            }
        if isinstance(value, list):
            return [self._value(name, inner, marking) for inner in _each(value)]
        if value is None or isinstance(value, bool):
            return value
        return self._text(name, as_text(value), marking)

    def _text(self, name: str, text: str, marking: Highlighter) -> str:
        params = self._params
        length = next((n for pattern, n in self._crops.items() if any_covers([pattern], name)), 0)
        highlighted = any_covers(params.attributes_to_highlight, name)
        if not length and not highlighted:
            return text
        spans = marking.spans(text)
        marks = marking.marks(text, spans)
        start, end = crop_window(spans, marks, length, len(text)) if length else (0, len(text))
        shown: list[str] = [params.crop_marker] if start else []
        at = start
        for mark in marks if highlighted else ():
            if mark.start >= start and mark.end <= end:
                shown += (
                    text[at : mark.start],
                    params.highlight_pre_tag,
                    text[mark.start : mark.end],
                    params.highlight_post_tag,
                )
                at = mark.end
        shown.append(text[at:end])
        return "".join([*shown, params.crop_marker] if end < len(text) else shown)

    def _positions(self, content: Mapping[str, Any], marking: Highlighter) -> dict[str, Any]:
        found: dict[str, list[dict[str, Any]]] = {}
        for name, indices, value in _leaves("", content, ()):
            if not self._rules.is_displayed(name) or isinstance(value, bool) or value is None:
                continue
            text = as_text(value)
            for mark in marking.marks(text, marking.spans(text)):
                place: dict[str, Any] = {
                    "start": len(text[: mark.start].encode()),
                    "length": len(text[mark.start : mark.end].encode()),
                }
                if indices:
                    place["indices"] = list(indices)
                found.setdefault(name, []).append(place)
        return found


def crop_window(
    spans: Sequence[tuple[int, int]], marks: Sequence[Match], length: int, size: int
) -> tuple[int, int]:
    """Returns the part of a text of `length` words that contains most matches."""
    if len(spans) <= length:
        return 0, size
    best, most = 0, -1
    for mark in marks:
        inside = sum(1 for m in marks if mark.first <= m.first and m.last < mark.first + length)
        if inside > most:
            last = max(
                m.last for m in marks if m.first == mark.first or m.last < mark.first + length
            )
            slack = max(0, length - (last - mark.first + 1))
            best, most = mark.first - slack // 2, inside
    best = max(0, min(best, len(spans) - length))
    end = size if best + length == len(spans) else spans[best + length - 1][1]
    return (spans[best][0] if best else 0), end


def _crops(params: Params) -> dict[str, int]:
    """Returns the patterns of cropped fields with the number of words of each."""
    found: dict[str, int] = {}
    for given in params.attributes_to_crop:
        name, colon, length = given.rpartition(":")
        own = bool(colon) and length.isdigit()
        found[name if own else given] = int(length[:9]) if own else params.crop_length
    return found


def _leaves(
    name: str, value: Any, indices: tuple[int, ...]
) -> Iterator[tuple[str, tuple[int, ...], Any]]:
    if isinstance(value, dict):
        for key, inner in _pairs(value):
            yield from _leaves(f"{name}.{key}" if name else key, inner, indices)
    elif isinstance(value, list):
        for at, inner in enumerate(_each(value)):
            yield from _leaves(name, inner, (*indices, at))
    else:
        yield name, indices, value


def _pairs(value: Any) -> Iterable[tuple[str, Any]]:
    return value.items()


def _each(value: Any) -> Sequence[Any]:
    return value


def _members(document: JsonMembers) -> Iterator[str]:
    for name, text in document.items():
        yield f"{json.dumps(name)}:{text}"


def _member(name: str, value: Any) -> str:
    return f'"{name}":{json.dumps(value, ensure_ascii=False)}'
