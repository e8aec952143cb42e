"""Errors as readers of files get them: application/problem+json (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from portal_shared.runtime.errors import PortalError
from portal_shared.runtime.logs import logger
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

log = logger(__name__)

MOST_LOGGED = 200  # characters of what a reader sent
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "Accept-Ranges, Content-Length, Content-Range, ETag, Last-Modified, Repr-Digest,"
        " Retry-After"
    ),
}


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any
) -> JSONResponse:
    body = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    told = {**CORS, "Cache-Control": "no-store", **(headers or {})}
    return JSONResponse(body, status, told, media_type="application/problem+json")


async def refused(request: Request, error: Exception) -> JSONResponse:
    """For PortalError and for what the router refuses by itself."""
    if isinstance(error, PortalError):
        path = request.scope["path"][:MOST_LOGGED]
        reason = error.reason[:MOST_LOGGED]
        log.info("refused", status=error.status, path=path, field=error.field, reason=reason)
        retry = {"Retry-After": "10"} if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else None
        return problem(error.status, error.reason, retry, **_field(error.field))
    if isinstance(error, HTTPException):
        return problem(error.status_code, str(error.detail), error.headers)
    return problem(500, "something went wrong here")


def _field(name: str | None) -> dict[str, str]:
    return {"field": name} if name else {}
