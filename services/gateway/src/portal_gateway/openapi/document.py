"""Builds the OpenAPI document of the public interface."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from portal_gateway.citation.formats import FORMATS, NAMES, TEXT
from portal_gateway.filters.schema import ENTITIES, Entity, Kind
from portal_gateway.openapi import data, helpers, search, volumes
from portal_gateway.openapi.helpers import get_operation, parameter

VERSION = "1"
Json = dict[str, Any]

_TYPES: dict[Kind, Json] = {
    "string": {"type": "string"},
    "strings": {"type": "array", "items": {"type": "string"}},
    "boolean": {"type": "boolean"},
    "number": {"type": "number"},
    "doi": {"type": "string"},
    "date": {"type": "string", "format": "date-time"},
    "value": {"anyOf": [{"type": "number"}, {"type": "string"}]},
}
_FILTER = (
    "JSON object with where, include, limit, skip (or offset), order, fields and query. Bracket "
    "form is also possible: filter[where][title][like]=lung. The header X-Total-Count has the "
    "total number of rows."
)


def build_document(app: FastAPI) -> Json:
    """Returns the document of FastAPI's routes, completed with the search API and citations."""
    openapi = get_openapi(
        title=app.title,
        version=VERSION,
        routes=app.routes,
        description="PaNOSC search API (https://github.com/panosc-eu/search-api) and downloads.",
    )
    paths: Json = openapi.setdefault("paths", {})
    for name in ("Documents", "Datasets", "Instruments"):
        paths.update(_paths(name, name.removesuffix("s")))
    paths.update(_citations())
    paths.update(data.paths())
    schemas: Json = openapi.setdefault("components", {}).setdefault("schemas", {})
    schemas.update({e.name: _schema(e) for e in ENTITIES.values()})
    schemas.update(volumes.SCHEMAS)
    schemas.update(data.SCHEMAS)
    schemas["Error"] = _error()
    schemas["Problem"] = helpers.PROBLEM
    helpers.replace_validation_errors(openapi)
    openapi["paths"] = dict(sorted(paths.items()))
    return openapi


def _paths(plural: str, entity: str) -> Json:
    listed = _listing(entity)
    one = {"$ref": f"#/components/schemas/{entity}"}
    pid = parameter("pid", "path", "Persistent identifier; slashes plain or as %2F")
    found: Json = {
        f"/api/{plural}": get_operation(
            f"List {plural}", [_filter(), _query(), _snippets()], listed
        ),
        f"/api/{plural}/count": get_operation(
            f"Count {plural}", [_where(), _filter(), _query()], _count()
        ),
        f"/api/{plural}/{{pid}}": get_operation(
            f"One {entity}", [pid, _filter()], one, missing=True
        ),
    }
    found |= search.paths(plural, [_filter(), _query()])
    if entity == "Dataset":
        files = f"/api/{plural}/{{pid}}/files"
        found[files] = get_operation("Files", [pid, _filter()], _listing("File"), missing=True)
        found[f"{files}/count"] = get_operation(
            "Count files", [pid, _where()], _count(), missing=True
        )
    return found


def _citations() -> Json:
    """Paths of citations: by content negotiation, and by the name of a format."""
    content: Json = {f.media_type: {"schema": {"type": "string"}} for f in FORMATS}
    content |= {TEXT: {"schema": {"type": "string"}}}
    missing = helpers.problem_response("There is no such record")
    not_acceptable = helpers.problem_response("None of the available media types is acceptable")
    resolved: Json = {
        "200": {
            "description": "The record in the accepted format",
            "content": {**content, "application/json": {}},
        },
        "300": {"description": "Several records share the DOI"},
        "302": {"description": "Redirect to the landing page"},
        "404": missing,
        "406": not_acceptable,
    }
    cited: Json = {
        "200": {"description": "The citation in the requested format", "content": content},
        "400": helpers.problem_response("The format, style or language is not known"),
        "404": missing,
    }
    doi = parameter("doi", "path", "The DOI, with its slash")
    parameters = [
        parameter("pid", "path", "Persistent identifier or DOI of a record"),
        parameter("format", "query", f"{', '.join(NAMES)}, or the name of a CSL style"),
        parameter("style", "query", "Style of a text, from citationstyles.org; default apa"),
        parameter("locale", "query", "Language of a text; default en-US"),
    ]
    resolve = {"summary": "Resolve a DOI", "parameters": [doi], "responses": resolved}
    cite = {"summary": "Cite a record", "parameters": parameters, "responses": cited}
    return {
        "/doi/{doi}": {"get": {**resolve, "tags": ["records"]}},
        "/api/records/{pid}/citation": {"get": {**cite, "tags": ["records"]}},
    }


def _filter() -> Json:
    return parameter("filter", "query", _FILTER)


def _where() -> Json:
    return parameter("where", "query", "JSON object: only the where clause of a filter")


def _query() -> Json:
    return parameter("query", "query", "Keywords; rows are sorted by relevance")


def _snippets() -> Json:
    about = (
        "true adds to each row the parts of its fields that have words of the query, as HTML with "
        "<mark>. Free text about persons is never shown. A page may have at most 250 rows."
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
            "description": "Relevance, in lists",
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
