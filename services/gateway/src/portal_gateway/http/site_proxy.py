"""Reverse proxy of the web site's pages to its server, by path.

It is used on one machine, where only the gateway is public. Elsewhere the ingress does this: what
is listed here goes to gateway and downloader, everything else to the site.
"""

import httpx
from portal_shared.runtime.errors import PortalError
from portal_shared.service.request_log import ROUTE_KEY
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from portal_gateway.errors import BadRequest
from portal_gateway.http.forwarded_response import ForwardedResponse, http_client
from portal_gateway.http.responses import problem_response

GATEWAY_PATHS = ("/api", "/data", "/doi", "/oai", "/health")
MAX_BODY_BYTES = 65_536  # of the site's forms
NOT_FORWARDED = frozenset(
    {"host", "connection", "keep-alive", "upgrade", "te", "transfer-encoding", "content-length",
     "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"}
)  # fmt: skip


def is_site_path(path: str) -> bool:
    """Returns whether the site answers `path`."""
    return not any(path == prefix or path.startswith(f"{prefix}/") for prefix in GATEWAY_PATHS)


class SiteProxy:
    """ASGI middleware: forwards requests of the site's pages, passes all others on."""

    def __init__(self, app: ASGIApp, *, url: str) -> None:
        self._app = app
        self._base = httpx.URL(url)
        self._client = http_client()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_site_path(scope["path"]):
            await self._app(scope, receive, send)
            if scope["type"] == "lifespan":  # the application has ended
                await self._client.aclose()
            return
        scope[ROUTE_KEY] = "site"
        request = Request(scope, receive)
        try:
            await (await self._forward(request))(scope, receive, send)
        except ClientDisconnect:
            return  # before the end of its request: nobody reads an answer
        except PortalError as error:
            await problem_response(error)(scope, receive, send)

    async def _forward(self, request: Request) -> ForwardedResponse:
        raw_path = bytes(request.scope["raw_path"])
        query = bytes(request.scope["query_string"])
        url = self._base.copy_with(raw_path=raw_path + (b"?" + query if query else b""))
        headers = [(k, v) for k, v in request.headers.raw if k.decode() not in NOT_FORWARDED]
        headers += [
            (b"x-forwarded-host", request.headers.get("host", "").encode("latin-1")),
            (b"x-forwarded-proto", request.url.scheme.encode()),
            (b"x-forwarded-for", (request.client.host if request.client else "").encode()),
        ]
        built = self._client.build_request(
            request.method, url, headers=headers, content=await _body(request)
        )
        return ForwardedResponse(self._client, built, server="web site")


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise BadRequest(f"The body has more than {MAX_BODY_BYTES} bytes.")
    return body
