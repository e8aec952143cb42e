"""What the search API has beyond the standard, for the OpenAPI document."""

from typing import Any

from portal_gateway.openapi.helpers import get, parameter
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
        "count": {"type": "integer", "description": "Rows that have it"},
    },
}
_FACETS: Json = {
    "type": "object",
    "required": ["total", "facets", "missing"],
    "properties": {
        "total": {"type": "integer", "description": "Rows that the search selects"},
        "facets": {"type": "object", "additionalProperties": {"anyOf": [_VALUES, _RANGE]}},
        "missing": {
            "type": "object",
            "description": "By facet, rows for which nothing is recorded",
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
    """Facets, suggestions and export of one entity; `search`: its filter and query."""
    entity = plural.removesuffix("s")
    known = ", ".join(engine_facets.PLAIN[entity])
    if entity != "Instrument":
        known += ", parameter:NAME, parameter:NAME[unit]"
    facets = parameter("facets", "query", f"Comma separated: {known}")
    return {
        f"/api/{plural}/facets": get(
            f"Values of {plural} with counts; of numbers the range", [facets, *search], _FACETS
        ),
        f"/api/{plural}/suggest": get(
            f"Values of {plural} to complete what is being typed",
            [parameter("typed", "query", "What was typed so far"), facets, _limit(), *search],
            _SUGGESTIONS,
        ),
        f"/api/{plural}/export": _export(plural, search),
    }


def _limit() -> Json:
    schema = {
        "type": "integer",
        "minimum": 1,
        "maximum": suggestions.MOST,
        "default": suggestions.USUAL,
    }
    return {**parameter("limit", "query", "How many at most"), "schema": schema}


def _export(plural: str, search: list[Json]) -> Json:
    about = (
        "Comma separated: fields, names of relations, parameter:NAME, parameter:NAME[unit]; "
        "all fields when absent. A text that a spreadsheet would take for a formula begins with '"
    )
    format_ = parameter("format", "query", "csv (default) or tsv")
    format_["schema"] = {"type": "string", "enum": list(export.FORMS)}
    operation = get(
        f"All {plural} of a search as a table, sent while it is read",
        [format_, parameter("columns", "query", about), *search],
        {"type": "string"},
    )
    types = [form.media_type.partition(";")[0] for form in export.FORMS.values()]
    told: Json = {"schema": {"type": "string"}}
    operation["get"]["responses"]["200"]["content"] = dict.fromkeys(types, told)
    operation["get"]["responses"].pop("406")
    return operation
