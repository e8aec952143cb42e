"""Wraps each route handler: checks the key, reads the body, runs it in a thread, sends errors."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from portal_local.search.errors import Failure
from portal_local.search.tasks.engine import Engine

MAX_BODY_BYTES = 100 * 1024 * 1024
NO_AUTHORISATION = frozenset(("/health",))


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request whose body was read."""

    method: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


Answer = tuple[int, Any]
"""The status, and JSON text or a value that is serialised as JSON."""

RouteHandler = Callable[[Engine, ApiRequest], Answer]


def endpoint(
    engine: Engine, handler: RouteHandler, key: str | None
) -> Callable[[Request], Awaitable[Response]]:
    """Returns the route handler as a Starlette endpoint."""

    async def answer(http_request: Request) -> Response:
        try:
            if http_request.url.path not in NO_AUTHORISATION:
                _check_key(http_request.headers.get("authorization"), key)
            request = ApiRequest(
                http_request.method,
                dict[str, str](http_request.path_params),
                dict(http_request.query_params),
                http_request.headers,
                await _body(http_request),
            )
            status, content = await to_thread.run_sync(handler, engine, request)
        except Failure as failure:
            return failure_response(failure)
        return respond(status, content)

    return answer


async def _body(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise Failure(
                "payload_too_large",
                "The provided payload reached the size limit. The maximum accepted payload size "
                f"is {MAX_BODY_BYTES // 1024 // 1024} MiB.",
            )
        chunks.append(chunk)
    return b"".join(chunks)


def _check_key(header: str | None, key: str | None) -> None:
    if key is None:
        return
    if header is None:
        raise Failure(
            "missing_authorization_header",
            "The Authorization header is missing. It must use the bearer authorization method.",
        )
    if header != f"Bearer {key}":
        raise Failure("invalid_api_key", "The provided API key is invalid.")


def respond(status: int, content: Any) -> Response:
    if content is None:
        return Response(status_code=status)
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return Response(text.encode(), status, media_type="application/json")


def failure_response(failure: Failure) -> Response:
    return respond(failure.status, failure.body())
