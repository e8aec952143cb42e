"""Analyses a document for indexing: identifier, words with positions, facet values."""

import json
import re
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from portal_local.search.errors import Failure
from portal_local.search.index.attributes import IndexRules
from portal_local.search.index.facets import Values, kind_of
from portal_local.search.index.flat_fields import Flat, at_path, flat_values

_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,511}")

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AnalysedDocument:
    """What is stored for a document beside its JSON text."""

    words: Mapping[str, bytes]
    lengths: Mapping[int, int]
    values: Values


def to_json(value: Any) -> str:
    """Serialises a value as it is stored and sent."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def document_id(document: Document, primary_key: str) -> str:
    """Returns the document's identifier. Raises Failure if it is missing or invalid."""
    values = list(at_path(document, primary_key))
    if not values:
        raise Failure(
            "missing_document_id",
            f"Document doesn't have a `{primary_key}` attribute: `{to_json(document)[:200]}`.",
        )
    value = values[0]
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _IDENTIFIER.fullmatch(text):
        raise Failure(
            "invalid_document_id",
            f"Document identifier `{to_json(value)[:600]}` is invalid. A document identifier can "
            "be of type integer or string, only composed of alphanumeric characters (a-z A-Z 0-9), "
            "hyphens (-) and underscores (_), and can not be more than 511 bytes.",
        )
    return text


def infer_primary_key(document: Document) -> str:
    """Returns the field whose name ends with id. Raises Failure unless there is exactly one."""
    names = sorted(name for name in document if name.lower().endswith("id"))
    if not names:
        raise Failure(
            "index_primary_key_no_candidate_found",
            "The primary key inference failed as the engine did not find any field ending with "
            "`id` in its name. Please specify the primary key manually using the `primaryKey` "
            "query parameter.",
        )
    if len(names) > 1:
        raise Failure(
            "index_primary_key_multiple_candidates_found",
            f"The primary key inference failed as the engine found {len(names)} fields ending with "
            f"`id` in their names: '{names[0]}' and '{names[1]}'. Please specify the primary key "
            "manually using the `primaryKey` query parameter.",
        )
    return names[0]


def analyse(
    document: Document, rules: IndexRules, field_number: Callable[[str], int]
) -> AnalysedDocument:
    """Analyses a document by the rules of its index."""
    flat, first = flat_values(document)
    words: dict[str, array[int]] = {}
    lengths: dict[int, int] = {}
    for name, values in flat.items():
        if not values or rules.weight(name) is None:
            continue
        field = field_number(name)
        base = field << 16
        length = 0
        for word, position in rules.tokeniser.values(values):
            length += 1
            if word in rules.stop_words:
                continue
            places = words.get(word)
            if places is None:
                words[word] = array("I", (base | position,))
            else:
                places.append(base | position)
        lengths[field] = length
    return AnalysedDocument(
        {word: places.tobytes() for word, places in words.items()},
        lengths,
        _values(rules, flat, first),
    )


def facet_values(document: Document, rules: IndexRules) -> Values:
    """Returns the values of the document that filters, facets and sorting need."""
    return _values(rules, *flat_values(document))


def _values(rules: IndexRules, flat: Flat, first: Mapping[str, Any]) -> Values:
    return [
        (name, kind_of(first.get(name, "")), values)
        for name, values in flat.items()
        if rules.is_in_facets(name)
    ]
