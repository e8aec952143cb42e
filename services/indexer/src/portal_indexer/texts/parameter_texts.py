"""Texts of parameters: facts that describe a record, notes about a person, quantities."""

import re
from collections.abc import Iterable, Sequence

from portal_shared import units
from portal_shared.search import quantities, query_terms

from portal_indexer.panosc_records import PanoscRecord

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def facts(rows: Iterable[PanoscRecord], others: Iterable[str] = ()) -> list[str]:
    """Returns the texts of parameters in the forms in which people search them.

    These are: with the words of camel case apart, and with and without leading zeros. Of the
    `others`, texts are returned in which the profile replaces phrases. Free text, the names of
    other records and misleading values are left out.
    """
    found: list[str] = [r for t in others if (r := query_terms.replace_phrases(t)) != t]
    ignored = query_terms.free_text_parameters() | query_terms.references()
    texts = [(row["name"], row["value"]) for row in rows if isinstance(row["value"], str)]
    misleading = _misleading(texts)
    for name, value in texts:
        if name not in ignored and (name, value) not in misleading:
            found += _forms(value)
    return _distinct(found)


def _misleading(texts: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Returns values that are the word for what the record is not: the optic `Zoom` of an overview.

    The profile lists the word for another parameter, which has another value.
    """
    listed = query_terms.listed_values()
    own: dict[str, set[str]] = {}
    for name, value in texts:
        if name in listed:
            own.setdefault(name, set()).add(value.lower())
    others = {other.lower() for name in own for other in listed[name]} - set().union(*own.values())
    return {
        (name, value) for name, value in texts if name not in listed and value.lower() in others
    }


def notes(rows: Iterable[PanoscRecord]) -> list[str]:
    """Returns the free text about persons: searched if nothing else has the words of a query."""
    free = query_terms.free_text_parameters()
    texts = [row["value"] for row in rows if row["name"] in free and isinstance(row["value"], str)]
    return _distinct(t for text in texts for t in (*_forms(text), *_quantity_words(text)))


def _forms(value: object) -> list[str]:
    if not isinstance(value, str) or not value.strip():
        return []
    read = query_terms.replace_phrases(value)
    return [read, _CAMEL.sub(" ", read), *query_terms.number_variants(read)]


def numbers(rows: Iterable[PanoscRecord], texts: Iterable[str] = ()) -> list[str]:
    """Returns numbers that have a fraction, with their units, and the words of all quantities.

    Integers without a unit are left out: they occur in too many records to help a search.
    """
    found: list[str] = []
    for row in rows:
        value, unit = row["value"], row.get("unit")
        if isinstance(value, str):
            continue  # the facts are among the texts
        if isinstance(value, float) and not value.is_integer():
            found.append(f"{value} {unit or ''}".strip())
        found += _words_of_number(value, unit, row["name"])
    for text in texts:
        found += _quantity_words(text)
    return _distinct(found)


def _words_of_number(value: float, unit: str | None, name: str) -> list[str]:
    """Returns the word of a quantity; two if the parameter gives its unit another meaning."""
    read = [quantities.word(value, unit, name)]
    if units.find(unit, name) != units.find(unit):  # 20 C of a temperature, and as coulombs
        read.append(quantities.word(value, unit))
    return [word for word in read if word]


def _quantity_words(text: str) -> list[str]:
    return [quantity.word for quantity in quantities.find(quantities.normalize(text))]


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
