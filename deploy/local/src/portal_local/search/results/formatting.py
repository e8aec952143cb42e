"""What a hit shows beside its members: score, highlighted and cropped text, places of matches."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from portal_local.search.index.attribute_patterns import any_covers
from portal_local.search.index.flattening import pruned
from portal_local.search.index.index import Index, Pieces
from portal_local.search.index.tokenizer import as_text
from portal_local.search.query.matching import Matching
from portal_local.search.ranking.rules import Grade
from portal_local.search.ranking.score import detailed, score
from portal_local.search.results.attributes import Selection
from portal_local.search.results.highlighting import Mark, Marking
from portal_local.search.results.params import Params


class Showing:
    """Made once for a search, asked for every hit."""

    def __init__(
        self, index: Index, params: Params, matching: Matching, selection: Selection
    ) -> None:
        self._params = params
        self._rules = index.rules
        self._selection = selection
        self._crops = _crops(params)
        self._formats = bool(self._crops or params.attributes_to_highlight)
        wanted = self._formats or params.show_matches_position
        self._marking = Marking(index.rules, matching) if wanted else None

    def extras(self, document: Pieces, grades: Sequence[Grade]) -> Iterator[str]:
        """Members of a hit that are not the document's, as JSON text."""
        if self._marking is not None:
            content = json.loads("{" + ",".join(_members(document)) + "}")
            if self._formats:
                yield _member("_formatted", self._formatted(content, self._marking))
            if self._params.show_matches_position:
                yield _member("_matchesPosition", self._positions(content, self._marking))
        if self._params.show_ranking_score:
            yield _member("_rankingScore", score(grades))
        if self._params.show_ranking_score_details:
            yield _member("_rankingScoreDetails", detailed(grades))

    def _formatted(self, content: Mapping[str, Any], marking: Marking) -> Any:
        formatted = [*self._params.attributes_to_highlight, *self._crops]

        def keep(name: str) -> bool:
            asked = self._selection.keeps(name) or any_covers(formatted, name)
            return asked and self._rules.is_displayed(name)

        return {
            name: self._value(name, value, marking) for name, value in pruned(content, keep).items()
        }

    def _value(self, name: str, value: Any, marking: Marking) -> Any:
        if isinstance(value, dict):
            return {
                key: self._value(f"{name}.{key}", inner, marking) for key, inner in _pairs(value)
            }
        if isinstance(value, list):
            return [self._value(name, inner, marking) for inner in _each(value)]
        if value is None or isinstance(value, bool):
            return value
        return self._text(name, as_text(value), marking)

    def _text(self, name: str, text: str, marking: Marking) -> str:
        params = self._params
        length = next((n for pattern, n in self._crops.items() if any_covers([pattern], name)), 0)
        highlighted = any_covers(params.attributes_to_highlight, name)
        if not length and not highlighted:
            return text
        spans = marking.spans(text)
        marks = marking.marks(text, spans)
        start, end = window(spans, marks, length, len(text)) if length else (0, len(text))
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

    def _positions(self, content: Mapping[str, Any], marking: Marking) -> dict[str, Any]:
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


def window(
    spans: Sequence[tuple[int, int]], marks: Sequence[Mark], length: int, size: int
) -> tuple[int, int]:
    """The part of a text of so many words in which the most matches are."""
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
    """Patterns of cropped fields with the number of words each keeps."""
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


def _members(document: Pieces) -> Iterator[str]:
    for name, text in document.items():
        yield f"{json.dumps(name)}:{text}"


def _member(name: str, value: Any) -> str:
    return f'"{name}":{json.dumps(value, ensure_ascii=False)}'
