"""Reverse proxy of /data/… to the downloader; responses are streamed.

It is used on one machine, where only the gateway is public. Elsewhere the ingress does this.
"""

import httpx
from portal_shared.contracts.file_urls import data_path, parse_data_path
from portal_shared.runtime.errors import NotFound
from starlette.requests import Request
from starlette.responses import Response

from portal_gateway.http.forwarded_response import ForwardedResponse, http_client

FORWARDED_HEADERS = (
    b"accept", b"range", b"if-range", b"if-match", b"if-none-match", b"if-modified-since",
    b"if-unmodified-since",
)  # fmt: skip


class DataProxy:
    def __init__(self, downloader_url: str) -> None:
        self._base = httpx.URL(downloader_url)
        self._client = http_client()

    async def close(self) -> None:
        await self._client.aclose()

    def forward(self, request: Request) -> Response:
        """Returns the downloader's response. Raises NotFound for a path that cannot be a file."""
        found = parse_data_path(bytes(request.scope["raw_path"]))
        if found is None or {".", ".."} & {found[0], *found[1].split("/")}:
            raise NotFound("The path is not a file of a dataset: expected /data/{pid}/{location}")
        raw = data_path(*found).encode()
        query = bytes(request.scope["query_string"])
        url = self._base.copy_with(raw_path=raw + (b"?" + query if query else b""))
        # As bytes: a value need not be ASCII (RFC 9110, section 5.5).
        headers = [(k, v) for k, v in request.headers.raw if k in FORWARDED_HEADERS]
        headers.append((b"accept-encoding", b"identity"))
        return ForwardedResponse(
            self._client,
            self._client.build_request(request.method, url, headers=headers),
            server="downloader",
        )
