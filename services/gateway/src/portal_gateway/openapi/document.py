"""Builds the OpenAPI document of the public interface."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from portal_gateway.citation.formats import FORMATS, NAMES, TEXT
from portal_gateway.filters.schema import ENTITIES, Entity, Kind
from portal_gateway.openapi import data, search
from portal_gateway.openapi.helpers import get, parameter, refusal

VERSION = "1"
Json = dict[str, Any]

_TYPES: dict[Kind, Json] = {
    "string": {"type": "string"},
    "strings": {"type": "array", "items": {"type": "string"}},
    "boolean": {"type": "boolean"},
    "number": {"type": "number"},
    "date": {"type": "string", "format": "date-time"},
    "value": {"anyOf": [{"type": "number"}, {"type": "string"}]},
}
_ABOUT = (
    "JSON object with where, include, limit, skip (offset), order, fields, query; also in bracket "
    "form, filter[where][title][like]=lung. Totals are in the header X-Total-Count."
)


def document(app: FastAPI) -> Json:
    """What the framework knows of its routes, and the search API."""
    made = get_openapi(
        title=app.title,
        version=VERSION,
        routes=app.routes,
        description="PaNOSC search API (https://github.com/panosc-eu/search-api) and downloads.",
    )
    paths: Json = made.setdefault("paths", {})
    for name in ("Documents", "Datasets", "Instruments"):
        paths.update(_paths(name, name.removesuffix("s")))
    paths.update(_citations())
    paths.update(data.paths())
    schemas: Json = made.setdefault("components", {}).setdefault("schemas", {})
    schemas.update({e.name: _schema(e) for e in ENTITIES.values()})
    schemas["Error"] = _error()
    made["paths"] = dict(sorted(paths.items()))
    return made


def _paths(plural: str, entity: str) -> Json:
    listed = _listing(entity)
    one = {"$ref": f"#/components/schemas/{entity}"}
    pid = parameter("pid", "path", "Persistent identifier; slashes plain or as %2F")
    found: Json = {
        f"/api/{plural}": get(f"List {plural}", [_filter(), _query(), _snippets()], listed),
        f"/api/{plural}/count": get(f"Count {plural}", [_where(), _filter(), _query()], _count()),
        f"/api/{plural}/{{pid}}": get(f"One {entity}", [pid, _filter()], one, missing=True),
    }
    found |= search.paths(plural, [_filter(), _query()])
    if entity == "Dataset":
        files = f"/api/{plural}/{{pid}}/files"
        found[files] = get("Files", [pid, _filter()], _listing("File"), missing=True)
        found[f"{files}/count"] = get("Count files", [pid, _where()], _count(), missing=True)
    return found


def _citations() -> Json:
    """A record as it is cited: by content negotiation, and by the name of a format."""
    content: Json = {f.media_type: {"schema": {"type": "string"}} for f in FORMATS}
    content |= {TEXT: {"schema": {"type": "string"}}}
    missing, unfit = refusal("There is no such record"), refusal("Nothing of it is acceptable")
    led: Json = {
        "200": {"description": "As accepted", "content": {**content, "application/json": {}}},
        "300": {"description": "Several records share the DOI"},
        "302": {"description": "For people: to the landing page"},
        "404": missing,
        "406": unfit,
    }
    cited: Json = {
        "200": {"description": "In that format", "content": content},
        "400": refusal("The format, style or language is not known"),
        "404": missing,
    }
    doi = parameter("doi", "path", "With its slash")
    named = [
        parameter("pid", "path", "Persistent identifier or DOI of a record"),
        parameter("format", "query", f"{', '.join(NAMES)}, or the name of a CSL style"),
        parameter("style", "query", "Of a text: any style of citationstyles.org; apa if missing"),
        parameter("locale", "query", "Of a text: en-US if missing"),
    ]
    resolve = {"summary": "Resolve a DOI", "parameters": [doi], "responses": led}
    cite = {"summary": "Cite a record", "parameters": named, "responses": cited}
    return {
        "/doi/{doi}": {"get": {**resolve, "tags": ["records"]}},
        "/api/records/{pid}/citation": {"get": {**cite, "tags": ["records"]}},
    }


def _filter() -> Json:
    return parameter("filter", "query", _ABOUT)


def _where() -> Json:
    return parameter("where", "query", "JSON object: the condition alone")


def _query() -> Json:
    return parameter("query", "query", "Keywords; the rows are then in the order of relevance")


def _snippets() -> Json:
    about = (
        "true: each row has the pieces of its fields in which words of the query were found, as "
        "HTML with <mark>. Free text about persons is never quoted. Pages of at most 250 rows."
    )
    schema = {"type": "string", "enum": ["true", "false"]}
    return {**parameter("snippets", "query", about), "schema": schema}


def _count() -> Json:
    return {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}


def _listing(entity: str) -> Json:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{entity}"}}


def _schema(entity: Entity) -> Json:
    properties: Json = {name: _TYPES[kind] for name, kind in entity.fields.items()}
    for relation in entity.relations.values():
        ref = {"$ref": f"#/components/schemas/{relation.entity}"}
        properties[relation.name] = {"type": "array", "items": ref} if relation.many else ref
    if entity.name in ("Document", "Dataset", "Instrument"):
        properties["score"] = {
            "type": "number",
            "exclusiveMinimum": 0,
            "exclusiveMaximum": 1,
            "description": "On lists",
        }
    return {"type": "object", "properties": properties}


def _error() -> Json:
    fields = {
        "statusCode": {"type": "integer"},
        "name": {"type": "string"},
        "message": {"type": "string"},
        "code": {"type": "string"},
    }
    error = {"type": "object", "properties": fields, "required": ["statusCode", "message"]}
    return {"type": "object", "properties": {"error": error}, "required": ["error"]}
