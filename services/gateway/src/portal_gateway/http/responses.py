"""Answers as bytes: JSON with a weak tag, nothing where the reader has it, gzip if accepted."""

import gzip
import hashlib
import json
import zlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import orjson
from portal_shared.runtime.errors import PortalError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from portal_gateway.errors import NotAcceptable, body

JSON = "application/json; charset=utf-8"
WORTH_PACKING = 1000  # bytes
_TAG = 24  # hexadecimal digits
GZIP = 31  # zlib's window bits for that form
_LEVEL = 1  # a third of the time of 5, for an eighth more bytes
AGAIN = {503: "5", 429: "60"}  # seconds after which it may be tried once more


def answer(
    request: Request,
    content: bytes,
    *,
    media_type: str = JSON,
    headers: Mapping[str, str] | None = None,
) -> Response:
    tag = f'W/"{hashlib.sha256(content).hexdigest()[:_TAG]}"'  # processors have it built in
    told = {"etag": tag, "vary": "Accept-Encoding, Accept", **(headers or {})}
    if _has(request, tag):
        return Response(status_code=304, headers=told)
    if len(content) >= WORTH_PACKING and _packs(request):
        content = gzip.compress(content, _LEVEL, mtime=0)
        told["content-encoding"] = "gzip"
    return Response(content, media_type=None, headers={**told, "content-type": media_type})


def streamed(
    request: Request,
    first: Sequence[bytes],
    more: AsyncGenerator[Sequence[bytes]],
    headers: Mapping[str, str],
) -> Response:
    """A long array while the rest of it is read: without a tag, which would need all of it."""

    async def content() -> AsyncGenerator[bytes]:
        yield b"[" + b",".join(first)
        async for items in more:
            yield b"".join(b",%b" % item for item in items)
        yield b"]"

    sent = {"vary": "Accept-Encoding, Accept", "content-type": JSON, **headers}
    if _packs(request):
        return StreamingResponse(_packed(content()), headers={**sent, "content-encoding": "gzip"})
    return StreamingResponse(content(), headers=sent)


async def _packed(content: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    packing = zlib.compressobj(_LEVEL, wbits=GZIP)
    async for piece in content:
        yield packing.compress(piece)
    yield packing.flush()


def told(request: Request, value: Any, headers: Mapping[str, str] | None = None) -> Response:
    return answer(request, orjson.dumps(value), headers=headers)


def refused(error: PortalError) -> Response:
    content = json.dumps(body(error), ensure_ascii=False).encode("utf-8", "replace")
    headers = {"content-type": JSON}
    if error.status in AGAIN:  # it may pass
        headers["retry-after"] = AGAIN[error.status]
    return Response(content, error.status, headers=headers)


def must_accept_json(request: Request) -> None:
    """Raises NotAcceptable when the reader takes no JSON."""
    if not accepts(request, "application", "json"):
        raise NotAcceptable("Only application/json is served here")


def accepts(request: Request, kind: str, subtype: str) -> bool:
    return weight(request, kind, subtype) > 0


def weight(request: Request, kind: str, subtype: str) -> float:
    """How much the reader wants this media type: the q of the most specific range."""
    sent = ", ".join(request.headers.getlist("accept")).strip()
    if sent in ("", "*/*"):
        return 1.0
    wanted = {f"{kind}/{subtype}": 3, f"{kind}/*": 2, "*/*": 1, "*": 1}
    best, rank = 0.0, 0
    for part in sent.split(","):
        name, *parameters = (p.strip().lower() for p in part.split(";"))
        if wanted.get(name, 0) > rank:
            best, rank = _quality(parameters), wanted[name]
    return best


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 1.0
    return 1.0


def _has(request: Request, tag: str) -> bool:
    sent = request.headers.get("if-none-match", "")
    return sent.strip() == "*" or any(
        t.strip().removeprefix("W/") == tag.removeprefix("W/") for t in sent.split(",")
    )


def _packs(request: Request) -> bool:
    for part in request.headers.get("accept-encoding", "").split(","):
        name, *parameters = (p.strip().lower() for p in part.split(";"))
        if name in ("gzip", "*"):
            return _quality(parameters) > 0
    return False
