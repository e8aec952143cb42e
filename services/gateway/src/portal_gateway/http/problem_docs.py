"""Problem details in the OpenAPI document of routes."""

from typing import Any

_SCHEMA = {"$ref": "#/components/schemas/Problem"}
_DESCRIPTIONS = {
    400: "A parameter is not valid: `field` names it",
    404: "There is no such public record",
    410: "The record was withdrawn: the answer has its public part",
    429: "A limit of one reader; `Retry-After` says when to try again",
    503: "The search engine or the database cannot be reached",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Returns the answers with these statuses, for `responses` of a route."""
    return {
        status: {
            "description": _DESCRIPTIONS[status],
            "content": {"application/problem+json": {"schema": _SCHEMA}},
        }
        for status in statuses
    }
