"""HTTP responses: JSON with an entity tag, 304 if the reader has it, compression, errors."""

import gzip
import hashlib
import json
import zlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import orjson
from portal_shared.runtime.errors import PortalError
from portal_shared.service.problems import problem
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from portal_gateway.errors import NotAcceptable, panosc_error

JSON = "application/json; charset=utf-8"
MIN_COMPRESSED_BYTES = 1000
TAG_DIGITS = 24
GZIP_WINDOW_BITS = 31  # makes zlib write the gzip format
COMPRESSION_LEVEL = 1  # a third of the time of level 5, for an eighth more bytes
RETRY_AFTER_SECONDS = {503: "5", 429: "60"}  # by status


def content_response(
    request: Request,
    content: bytes,
    *,
    media_type: str = JSON,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Returns the content with an entity tag, compressed if accepted; 304 if the tag matches."""
    tag = f'W/"{hashlib.sha256(content).hexdigest()[:TAG_DIGITS]}"'  # fast: a processor instruction
    sent = {"etag": tag, "vary": "Accept-Encoding, Accept", **(headers or {})}
    if _matches_tag(request, tag):
        return Response(status_code=304, headers=sent)
    if len(content) >= MIN_COMPRESSED_BYTES and _accepts_gzip(request):
        content = gzip.compress(content, COMPRESSION_LEVEL, mtime=0)
        sent["content-encoding"] = "gzip"
    return Response(content, media_type=None, headers={**sent, "content-type": media_type})


def streaming_response(
    request: Request,
    first: Sequence[bytes],
    more: AsyncGenerator[Sequence[bytes]],
    headers: Mapping[str, str],
) -> Response:
    """Returns a JSON array that is sent while it is read. It has no tag: that needs all of it."""

    async def content() -> AsyncGenerator[bytes]:
        yield b"[" + b",".join(first)
        async for items in more:
            yield b"".join(b",%b" % item for item in items)
        yield b"]"

    sent = {"vary": "Accept-Encoding, Accept", "content-type": JSON, **headers}
    if _accepts_gzip(request):
        sent["content-encoding"] = "gzip"
        return StreamingResponse(_compressed(content()), headers=sent)
    return StreamingResponse(content(), headers=sent)


async def _compressed(content: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    compressor = zlib.compressobj(COMPRESSION_LEVEL, wbits=GZIP_WINDOW_BITS)
    async for part in content:
        yield compressor.compress(part)
    yield compressor.flush()


def json_response(
    request: Request, value: Any, headers: Mapping[str, str] | None = None
) -> Response:
    return content_response(request, orjson.dumps(value), headers=headers)


def panosc_error_response(error: PortalError) -> Response:
    """Returns an error of the search API: {"error": {"statusCode", "message", …}}."""
    content = json.dumps(panosc_error(error), ensure_ascii=False).encode("utf-8", "replace")
    return Response(content, error.status, headers={"content-type": JSON, **_error_headers(error)})


def problem_response(error: PortalError, **more: Any) -> Response:
    """Returns an error of any other route: a problem detail (RFC 9457)."""
    members = {"field": error.field, "code": getattr(error, "code", None), **more}
    present = {name: value for name, value in members.items() if value is not None}
    detail = error.reason.encode("utf-8", "replace").decode()
    return problem(error.status, detail, _error_headers(error), **present)


def _error_headers(error: PortalError) -> dict[str, str]:
    if isinstance(error, NotAcceptable):
        return {"vary": "Accept"}
    seconds = RETRY_AFTER_SECONDS.get(error.status)
    return {"retry-after": seconds} if seconds else {}


def require_json_accepted(request: Request) -> None:
    """Raises NotAcceptable if the reader does not accept JSON."""
    if not accepts(request, "application", "json"):
        raise NotAcceptable("Only application/json is available: change the Accept header")


def accepts(request: Request, kind: str, subtype: str) -> bool:
    return accept_quality(request, kind, subtype) > 0


def accept_quality(request: Request, kind: str, subtype: str) -> float:
    """Returns the quality of a media type in the Accept header: q of the most specific range."""
    sent = ", ".join(request.headers.getlist("accept")).strip()
    if sent in ("", "*/*"):
        return 1.0
    ranks = {f"{kind}/{subtype}": 3, f"{kind}/*": 2, "*/*": 1, "*": 1}
    best, rank = 0.0, 0
    for part in sent.split(","):
        name, *parameters = (p.strip().lower() for p in part.split(";"))
        if ranks.get(name, 0) > rank:
            best, rank = _quality(parameters), ranks[name]
    return best


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 1.0
    return 1.0


def _matches_tag(request: Request, tag: str) -> bool:
    sent = request.headers.get("if-none-match")
    if not sent:
        return False
    return sent.strip() == "*" or any(
        t.strip().removeprefix("W/") == tag.removeprefix("W/") for t in sent.split(",")
    )


def _accepts_gzip(request: Request) -> bool:
    for part in request.headers.get("accept-encoding", "").split(","):
        name, *parameters = (p.strip().lower() for p in part.split(";"))
        if name in ("gzip", "*"):
            return _quality(parameters) > 0
    return False
