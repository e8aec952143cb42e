"""A document as it is written: its identifier, its words with positions, its values."""

import json
import re
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from portal_local.search.errors import Failure
from portal_local.search.index.attributes import Rules
from portal_local.search.index.facets import Values, kind_of
from portal_local.search.index.flattening import at_path, flattened

_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,511}")

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is stored of a document beside its text."""

    words: Mapping[str, bytes]
    lengths: Mapping[int, int]
    values: Values


def dumped(value: Any) -> str:
    """JSON as it is stored and sent."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def identifier(document: Document, primary_key: str) -> str:
    """The document's own identifier; refused as Meilisearch refuses it."""
    values = list(at_path(document, primary_key))
    if not values:
        raise Failure(
            "missing_document_id",
            f"Document doesn't have a `{primary_key}` attribute: `{dumped(document)[:200]}`.",
        )
    value = values[0]
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _IDENTIFIER.fullmatch(text):
        raise Failure(
            "invalid_document_id",
            f"Document identifier `{dumped(value)[:600]}` is invalid. A document identifier can be "
            "of type integer or string, only composed of alphanumeric characters (a-z A-Z 0-9), "
            "hyphens (-) and underscores (_), and can not be more than 511 bytes.",
        )
    return text


def inferred_key(document: Document) -> str:
    """The one field whose name ends with id."""
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


def prepared(document: Document, rules: Rules, field_number: Callable[[str], int]) -> Prepared:
    """The words and values of a document under the index's settings."""
    flat = flattened(document)
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
    return Prepared(
        {word: places.tobytes() for word, places in words.items()},
        lengths,
        values_of(document, rules, flat),
    )


def values_of(
    document: Document, rules: Rules, flat: Mapping[str, list[Any]] | None = None
) -> Values:
    """The values that filters, facets and order need."""
    found: Values = []
    for name, values in (flattened(document) if flat is None else flat).items():
        if rules.keeps(name):
            direct = next(at_path(document, name), "")
            found.append((name, kind_of(direct), values))
    return found
