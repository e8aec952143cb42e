"""Parts of the OpenAPI document that several operations share."""

from typing import Any

Json = dict[str, Any]


def get_operation(
    summary: str, parameters: list[Json], schema: Json, *, missing: bool = False
) -> Json:
    responses: Json = {
        "200": {"description": "Found", "content": {"application/json": {"schema": schema}}},
        "400": error_response("The filter is not valid"),
        "406": error_response("The Accept header excludes JSON"),
        "503": error_response("The search engine or the database cannot be reached"),
    }
    if missing:
        responses["404"] = error_response("There is no such record")
    operation = {"summary": summary, "tags": ["search"], "parameters": parameters}
    return {"get": {**operation, "responses": dict(sorted(responses.items()))}}


PROBLEM: Json = {
    "type": "object",
    "description": "Problem detail (RFC 9457)",
    "required": ["title", "status", "detail"],
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, and what to do"},
        "field": {"type": "string", "description": "Field or parameter that is wrong"},
        "code": {"type": "string"},
    },
}


def problem_response(description: str) -> Json:
    """Returns a response with a problem detail."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": schema}},
    }


def replace_validation_errors(openapi: Json) -> None:
    """Replaces the framework's 422 by what the portal answers: 400 with a problem detail."""
    for item in openapi["paths"].values():
        for operation in item.values():
            if operation.get("responses", {}).pop("422", None):
                operation["responses"].setdefault(
                    "400", problem_response("A parameter is not valid")
                )
    for name in ("HTTPValidationError", "ValidationError"):
        openapi["components"]["schemas"].pop(name, None)


def error_response(description: str) -> Json:
    """Returns a response with an error of the search API."""
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def parameter(name: str, place: str, description: str) -> Json:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": description,
        "schema": {"type": "string"},
    }
