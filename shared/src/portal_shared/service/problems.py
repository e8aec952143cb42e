"""Error responses as application/problem+json (RFC 9457), in one shape for every service."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from portal_shared.runtime.errors import PortalError
from portal_shared.runtime.logs import logger

log = logger(__name__)

MEDIA_TYPE = "application/problem+json"
MAX_LOGGED_CHARS = 200  # of what a client sent
MAX_REPORTED_ERRORS = 20  # of one request
RETRY_AFTER_SECONDS = "10"


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any
) -> JSONResponse:
    """Returns the response; `more` are further members of the body, such as `field`."""
    body = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    sent = {"Cache-Control": "no-store", **(headers or {})}
    if status == HTTPStatus.UNAUTHORIZED:
        sent.setdefault("WWW-Authenticate", "Bearer")
    return JSONResponse(body, status, sent, media_type=MEDIA_TYPE)


async def problem_of(request: Request, error: Exception) -> JSONResponse:
    """Exception handler for PortalError, request validation and errors of the router."""
    if isinstance(error, PortalError):
        path = request.scope["path"][:MAX_LOGGED_CHARS]
        reason = error.reason[:MAX_LOGGED_CHARS]
        log.info(
            "request refused", status=error.status, path=path, field=error.field, reason=reason
        )
        temporary = error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        retry = {"Retry-After": RETRY_AFTER_SECONDS} if temporary else None
        field = {"field": error.field} if error.field else {}
        return problem(error.status, error.reason, retry, **field)
    if isinstance(error, RequestValidationError):
        errors = error.errors()[:MAX_REPORTED_ERRORS]
        reasons = [f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in errors]
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(reasons))
    if isinstance(error, HTTPException):
        return problem(error.status_code, str(error.detail), error.headers)
    log.error("request failed", path=request.scope["path"], exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error of this service")


async def end_disconnected(request: Request, _error: Exception) -> Response:
    """Exception handler for ClientDisconnect: nobody is left to answer."""
    log.debug("client disconnected", path=request.scope["path"][:MAX_LOGGED_CHARS])
    return Response(status_code=HTTPStatus.BAD_REQUEST)


def install(app: FastAPI) -> None:
    """Makes the application answer every error by `problem_of`."""
    for kind in (PortalError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, problem_of)
    app.add_exception_handler(ClientDisconnect, end_disconnected)
