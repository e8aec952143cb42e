"""Builds the fields of search documents that filters and facets use.

Their names are defined in portal_shared.search.index_fields, for the indexer and the gateway.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from portal_shared import units
from portal_shared.contracts.identifiers import bare_doi
from portal_shared.search import index_fields, parameter_fields, query_terms, techniques

from portal_indexer.panosc_records import PanoscRecord


def digests(record: PanoscRecord, names: Iterable[str]) -> dict[str, list[str]]:
    """Returns digests of the text fields that the record has; one for each element of a list."""
    found: dict[str, list[str]] = {}
    for name in names:
        value = record.get(name)
        if isinstance(value, str):
            compared = bare_doi(value) if name == "doi" else value
            found[name] = [index_fields.digest(compared)]
        elif isinstance(value, list) and value:
            found[name] = sorted({index_fields.digest(str(v)) for v in value})  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return found


def digests_of_rows(rows: Iterable[PanoscRecord], names: Iterable[str]) -> dict[str, list[str]]:
    """Returns the digests of all rows of a relation together."""
    found: dict[str, set[str]] = {}
    listed = list(names)
    for row in rows:
        for name, values in digests(row, listed).items():
            found.setdefault(name, set()).update(values)
    return {name: sorted(values) for name, values in found.items()}


def pattern_fields(record: PanoscRecord, names: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """Returns the character n-grams (g) and words (w) in which patterns are searched."""
    grams: dict[str, list[str]] = {}
    words: dict[str, list[str]] = {}
    for name in names:
        value: Any = record.get(name) or []
        texts = cast("list[str]", value if isinstance(value, list) else [value])
        if texts:
            grams[name] = sorted(set[str]().union(*map(index_fields.grams, texts)))
            words[name] = sorted(set[str]().union(*map(index_fields.word_digests, texts)))
    return {index_fields.GRAMS: grams, index_fields.WORDS: words}


def text_keys(record: PanoscRecord, index: str) -> dict[str, str]:
    """Returns the keys by which the index sorts the record's texts."""
    names = index_fields.SORTED_TEXTS[index]
    return {name: index_fields.text_key(record[name]) for name in names if name in record}


def technique_terms(rows: Iterable[PanoscRecord]) -> list[str]:
    """Returns the techniques' terms and all their broader terms."""
    found: set[str] = set()
    for row in rows:
        found |= techniques.broader(techniques.term(row["pid"], row.get("panetId")))
    return sorted(found)


def parameter_values(rows: Iterable[PanoscRecord]) -> dict[str, Any]:
    """Returns the values of parameters: those that a profile names by parameter, others as keys.

    Parts are numbers as stored (v), digests of texts (s), and SI numbers by dimension.
    """
    own: dict[str, dict[str, set[Any]]] = {}
    others: set[str] = set()
    for row in rows:
        name = row["name"]
        for part, value in _parts(row):
            if name in parameter_fields.own_names():
                field = own.setdefault(index_fields.parameter_key(name), {})
                field.setdefault(part, set()).add(value)
            else:
                text = value if isinstance(value, str) else parameter_fields.sortable_number(value)
                others.add(parameter_fields.shared_key(name, part) + text)
    found = {n: {part: sorted(v) for part, v in parts.items()} for n, parts in own.items()}
    shared = index_fields.OTHER_PARAMETERS.removeprefix(f"{index_fields.PARAMETERS}.")
    return {**found, **({shared: sorted(others)} if others else {})}


def _parts(row: PanoscRecord) -> Iterator[tuple[str, Any]]:
    """Yields each part in which a parameter is stored, with its value."""
    value = row["value"]
    if isinstance(value, str):
        yield parameter_fields.TEXT, index_fields.digest(value)
        return
    yield parameter_fields.NUMBER, value
    known = units.find(row.get("unit"), row["name"])
    if known:
        yield index_fields.dimension_key(known), known.to_si(value)


def layout_mark() -> dict[str, Any]:
    """Returns the facet field that says in which fields the parameters are."""
    return {parameter_fields.layout().removeprefix(f"{index_fields.FACETS}."): 1}


def parameter_names(rows: Iterable[PanoscRecord]) -> list[str]:
    return sorted({index_fields.digest(row["name"]) for row in rows})


def own_facets(record: PanoscRecord, names: Iterable[str]) -> dict[str, list[str]]:
    """Returns the facet values of the record's own fields."""
    found = {name: record.get(name, []) for name in names}
    return {n: _facet_values([v] if isinstance(v, str) else v) for n, v in found.items()}


def facets(record: PanoscRecord, names: Iterable[str], relations: PanoscRecord) -> dict[str, Any]:
    """Returns all facet values; parameters count if they are short texts and not free text."""
    instrument: Mapping[str, str] | None = relations.get("instrument")
    parameters: dict[str, set[str]] = {}
    for row in relations["parameters"]:
        name, value = row["name"], row["value"]
        if not isinstance(value, str) or name in query_terms.free_text_parameters():
            continue
        if len(value) <= index_fields.MAX_FACET_CHARS:
            counted = parameter_fields.facet_start(name) + index_fields.facet_value(value)
            field = parameter_fields.facet_field(name).removeprefix(f"{index_fields.FACETS}.")
            parameters.setdefault(field, set()).add(counted)
    return {
        "techniques": _facet_values(t["name"] for t in relations.get("techniques", ())),
        "samples": _facet_values(s["name"] for s in relations.get("samples", ())),
        "instrument": _facet_values([instrument["name"]] if instrument else []),
        **own_facets(record, names),
        **_nested(parameters),
    }


def _nested(found: Mapping[str, Iterable[str]]) -> dict[str, dict[str, list[str]]]:
    """Returns fields named GROUP.NAME by group."""
    grouped: dict[str, dict[str, list[str]]] = {}
    for field, values in found.items():
        group, _, name = field.partition(".")
        grouped.setdefault(group, {})[name] = sorted(values)
    return grouped


def _facet_values(values: Iterable[str]) -> list[str]:
    return sorted({index_fields.facet_value(v) for v in values})


def merge(parts: Iterable[Any]) -> Any:
    """Merges the fields of several records: joins lists, merges objects member by member."""
    merged: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            if isinstance(value, dict):
                merged[name] = merge([merged.get(name, {}), value])
            else:
                merged[name] = sorted({*merged.get(name, ()), *value})
    return merged
