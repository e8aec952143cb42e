"""Error responses of the service: those of all services, readable by pages of other sites."""

from collections.abc import Mapping
from typing import Any

from portal_shared.service import problems
from starlette.requests import Request
from starlette.responses import JSONResponse

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "Accept-Ranges, Content-Length, Content-Range, ETag, Last-Modified, Repr-Digest,"
        " Retry-After"
    ),
}


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, **extensions: Any
) -> JSONResponse:
    """Returns an error response with extension members."""
    return problems.problem(status, detail, {**CORS, **(headers or {})}, **extensions)


async def handle_error(request: Request, error: Exception) -> JSONResponse:
    """Handles PortalError, and HTTPException of the router."""
    response = await problems.problem_of(request, error)
    response.headers.update(CORS)
    return response
