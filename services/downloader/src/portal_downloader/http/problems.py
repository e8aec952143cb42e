"""Error responses of the service: application/problem+json (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from portal_shared.runtime.errors import PortalError
from portal_shared.runtime.logs import logger
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

log = logger(__name__)

MAX_LOGGED_CHARS = 200  # of a path or reason
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
    body = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail, **extensions}
    all_headers = {**CORS, "Cache-Control": "no-store", **(headers or {})}
    return JSONResponse(body, status, all_headers, media_type="application/problem+json")


async def handle_error(request: Request, error: Exception) -> JSONResponse:
    """Handles PortalError, and HTTPException of the router."""
    if isinstance(error, PortalError):
        path = request.scope["path"][:MAX_LOGGED_CHARS]
        reason = error.reason[:MAX_LOGGED_CHARS]
        log.info(
            "request refused", status=error.status, path=path, field=error.field, reason=reason
        )
        retry = {"Retry-After": "10"} if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else None
        return problem(error.status, error.reason, retry, **_field(error.field))
    if isinstance(error, HTTPException):
        return problem(error.status_code, str(error.detail), error.headers)
    return problem(500, "internal error")


def _field(name: str | None) -> dict[str, str]:
    return {"field": name} if name else {}
