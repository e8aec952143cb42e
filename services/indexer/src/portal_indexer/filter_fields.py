"""The fields that filters and facets ask for; their names are shared with the gateway. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from portal_shared import units
from portal_shared.search import index_fields, query_terms, techniques

from portal_indexer.panosc_records import Told


def digests(told: Told, names: Iterable[str]) -> dict[str, list[str]]:
    """Text fields as digests; lists element by element."""
    found: dict[str, list[str]] = {}
    for name in names:
        value = told.get(name)
        if isinstance(value, str):
            found[name] = [index_fields.digest(value)]
        elif isinstance(value, list) and value:
            found[name] = sorted({index_fields.digest(str(v)) for v in value})  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return found


def rows_digests(rows: Iterable[Told], names: Iterable[str]) -> dict[str, list[str]]:
    """The same over the rows of a relation, together."""
    found: dict[str, set[str]] = {}
    listed = list(names)
    for row in rows:
        for name, values in digests(row, listed).items():
            found.setdefault(name, set()).update(values)
    return {name: sorted(values) for name, values in found.items()}


def patterned(told: Told, names: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """What patterns are looked for in: runs of characters, and words."""
    found: dict[str, dict[str, list[str]]] = {"g": {}, "w": {}}
    for name in names:
        value: Any = told.get(name) or []
        texts = cast("list[str]", value if isinstance(value, list) else [value])
        if texts:
            found["g"][name] = sorted(set[str]().union(*map(index_fields.grams, texts)))
            found["w"][name] = sorted(set[str]().union(*map(index_fields.word_digests, texts)))
    return found


def terms(rows: Iterable[Told]) -> list[str]:
    """The techniques with all their broader ones."""
    found: set[str] = set()
    for row in rows:
        found |= techniques.broader(techniques.term(row["pid"], row.get("panetId")))
    return sorted(found)


def quantities(rows: Iterable[Told]) -> dict[str, dict[str, list[Any]]]:
    """By parameter: numbers as stored (v), texts (s), and numbers in SI by dimension."""
    found: dict[str, dict[str, set[Any]]] = {}
    for row in rows:
        value, unit = row["value"], row.get("unit")
        field = found.setdefault(index_fields.parameter_key(row["name"]), {})
        if isinstance(value, str):
            field.setdefault("s", set()).add(index_fields.digest(value))
            continue
        field.setdefault("v", set()).add(value)
        known = units.find(unit, row["name"])
        if known:
            field.setdefault(index_fields.dimension_key(known), set()).add(known.to_si(value))
    return {n: {part: sorted(v) for part, v in parts.items()} for n, parts in found.items()}


def names(rows: Iterable[Told]) -> list[str]:
    return sorted({index_fields.digest(row["name"]) for row in rows})


def field_facets(told: Told, names: Iterable[str]) -> dict[str, list[str]]:
    """The values of a record's own fields, to be counted."""
    found = {name: told.get(name, []) for name in names}
    return {n: _counted([v] if isinstance(v, str) else v) for n, v in found.items()}


def facets(told: Told, names: Iterable[str], relations: Told) -> dict[str, Any]:
    """The values to count; of parameters the short texts, unless they are prose."""
    instrument: Mapping[str, str] | None = relations.get("instrument")
    parameters: dict[str, set[str]] = {}
    for row in relations["parameters"]:
        value = row["value"]
        if not isinstance(value, str) or row["name"] in query_terms.free_text_parameters():
            continue
        if len(value) <= index_fields.MAX_FACET_CHARS:
            parameters.setdefault(index_fields.parameter_key(row["name"]), set()).add(row["value"])
    return {
        "techniques": _counted(t["name"] for t in relations.get("techniques", ())),
        "samples": _counted(s["name"] for s in relations.get("samples", ())),
        "instrument": _counted([instrument["name"]] if instrument else []),
        **field_facets(told, names),
        "parameter": {name: _counted(values) for name, values in parameters.items()},
    }


def _counted(values: Iterable[str]) -> list[str]:
    return sorted({index_fields.facet_value(v) for v in values})


def united(parts: Iterable[Any]) -> Any:
    """Fields of several records as one: lists together, objects member by member."""
    together: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            if isinstance(value, dict):
                together[name] = united([together.get(name, {}), value])
            else:
                together[name] = sorted({*together.get(name, ()), *value})
    return together
