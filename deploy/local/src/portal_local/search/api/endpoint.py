"""The frame of every route: authorisation, body, work in a thread, refusals as JSON."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from portal_local.search.errors import Failure
from portal_local.search.tasks.engine import Engine

MAX_BODY = 100 * 1024 * 1024
NO_AUTHORISATION = frozenset(("/health",))


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, read."""

    method: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


Answer = tuple[int, Any]
"""Status, and JSON text or a value to be written as such."""

Work = Callable[[Engine, Asked], Answer]


def endpoint(
    engine: Engine, work: Work, key: str | None
) -> Callable[[Request], Awaitable[Response]]:
    """The work of one route as Starlette calls it."""

    async def answer(request: Request) -> Response:
        try:
            if request.url.path not in NO_AUTHORISATION:
                _authorised(request.headers.get("authorization"), key)
            asked = Asked(
                request.method,
                dict[str, str](request.path_params),
                dict(request.query_params),
                request.headers,
                await _body(request),
            )
            status, told = await to_thread.run_sync(work, engine, asked)
        except Failure as failure:
            return refusal(failure)
        return respond(status, told)

    return answer


async def _body(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise Failure(
                "payload_too_large",
                "The provided payload reached the size limit. The maximum accepted payload size "
                f"is {MAX_BODY // 1024 // 1024} MiB.",
            )
        chunks.append(chunk)
    return b"".join(chunks)


def _authorised(header: str | None, key: str | None) -> None:
    if key is None:
        return
    if header is None:
        raise Failure(
            "missing_authorization_header",
            "The Authorization header is missing. It must use the bearer authorization method.",
        )
    if header != f"Bearer {key}":
        raise Failure("invalid_api_key", "The provided API key is invalid.")


def respond(status: int, told: Any) -> Response:
    if told is None:
        return Response(status_code=status)
    text = told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)
    return Response(text.encode(), status, media_type="application/json")


def refusal(failure: Failure) -> Response:
    return respond(failure.status, failure.body())
