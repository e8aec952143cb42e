"""Operations of the OpenAPI document, as all of the search API have them."""

from typing import Any

Json = dict[str, Any]


def get(summary: str, parameters: list[Json], schema: Json, *, missing: bool = False) -> Json:
    responses: Json = {
        "200": {"description": "Found", "content": {"application/json": {"schema": schema}}},
        "400": refusal("The filter is not valid"),
        "406": refusal("The reader takes no JSON"),
        "503": refusal("The search engine or the database is out of reach"),
    }
    if missing:
        responses["404"] = refusal("There is no such record")
    operation = {"summary": summary, "tags": ["search"], "parameters": parameters}
    return {"get": {**operation, "responses": dict(sorted(responses.items()))}}


def refusal(description: str) -> Json:
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
