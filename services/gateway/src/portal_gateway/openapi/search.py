"""OpenAPI paths of the extensions of the search API: facets, suggestions, export."""

from typing import Any

from portal_gateway.openapi.helpers import get_operation, parameter
from portal_gateway.search import engine_facets, export, suggestions

Json = dict[str, Any]

_VALUES: Json = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["value", "count"],
        "properties": {"value": {"type": "string"}, "count": {"type": "integer"}},
    },
}
_RANGE: Json = {
    "type": "object",
    "required": ["min", "max", "unit", "count"],
    "properties": {
        "min": {"type": "number"},
        "max": {"type": "number"},
        "unit": {"type": "string"},
        "count": {"type": "integer", "description": "Rows with a number"},
    },
}
_FACETS: Json = {
    "type": "object",
    "required": ["total", "facets", "missing"],
    "properties": {
        "total": {"type": "integer", "description": "Rows of the search"},
        "facets": {"type": "object", "additionalProperties": {"anyOf": [_VALUES, _RANGE]}},
        "missing": {
            "type": "object",
            "description": "By facet, rows without a value",
            "additionalProperties": {"type": "integer"},
        },
    },
}
_SUGGESTIONS: Json = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["value", "facet", "count"],
        "properties": {
            "value": {"type": "string"},
            "facet": {"type": "string"},
            "count": {"type": "integer"},
        },
    },
}


def paths(plural: str, search: list[Json]) -> Json:
    """Returns the paths of one entity; `search` are the parameters filter and query."""
    entity = plural.removesuffix("s")
    known = ", ".join(engine_facets.VALUE_FACETS[entity])
    if entity != "Instrument":
        known += ", parameter:NAME, parameter:NAME[unit]"
    facets = parameter("facets", "query", f"Comma separated: {known}")
    return {
        f"/api/{plural}/facets": get_operation(
            f"Count values of {plural}; numbers have a range", [facets, *search], _FACETS
        ),
        f"/api/{plural}/suggest": get_operation(
            f"Suggest values of {plural} while typing",
            [parameter("typed", "query", "The typed text"), facets, _limit(), *search],
            _SUGGESTIONS,
        ),
        f"/api/{plural}/export": _export(plural, search),
    }


def _limit() -> Json:
    schema = {
        "type": "integer",
        "minimum": 1,
        "maximum": suggestions.MAX_LIMIT,
        "default": suggestions.DEFAULT_LIMIT,
    }
    return {**parameter("limit", "query", "Maximum number of values"), "schema": schema}


def _export(plural: str, search: list[Json]) -> Json:
    about = (
        "Comma separated: fields, names of relations, parameter:NAME, parameter:NAME[unit]; "
        "default: all fields. A text that a spreadsheet would take for a formula begins with '"
    )
    format_ = parameter("format", "query", "csv (default) or tsv")
    format_["schema"] = {"type": "string", "enum": list(export.FORMATS)}
    operation = get_operation(
        f"Export all {plural} of a search as a table",
        [format_, parameter("columns", "query", about), *search],
        {"type": "string"},
    )
    types = [form.media_type.partition(";")[0] for form in export.FORMATS.values()]
    text: Json = {"schema": {"type": "string"}}
    operation["get"]["responses"]["200"]["content"] = dict.fromkeys(types, text)
    operation["get"]["responses"].pop("406")
    return operation
