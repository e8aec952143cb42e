"""Access to the routes of operators: by a bearer token (RFC 6750), never from pages of other sites.

A page of another site can make a browser inside the network send requests; these carry the header
Origin (RFC 6454) and are refused whatever else they carry.
"""

import hmac
from urllib.parse import urlsplit

from fastapi import Request
from pydantic import SecretStr

from portal_shared.runtime.errors import Forbidden, Unauthorized

SCHEME = "bearer"


class OperatorAccess:
    """Decides whether a request is one of an operator. Without a token, none is."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token.get_secret_value().encode()

    def check(self, *, host: str, origin: str | None, authorization: str) -> None:
        """Raises Forbidden or Unauthorized with what to do; `host` is the header Host."""
        if origin is not None and urlsplit(origin).netloc != host:
            raise Forbidden("this address is not for pages of other sites (header Origin)")
        if not self._token:
            raise Forbidden("this address is closed: the service has no PORTAL_OPERATOR_TOKEN")
        scheme, _, token = authorization.partition(" ")
        is_right = hmac.compare_digest(token.strip().encode("utf-8", "replace"), self._token)
        if scheme.lower() != SCHEME or not is_right:
            raise Unauthorized(
                "this address is for operators: send the header 'Authorization: Bearer TOKEN' "
                "with the value of PORTAL_OPERATOR_TOKEN"
            )


async def require_operator(request: Request) -> None:
    """Dependency of routes for operators. Raises Forbidden, Unauthorized."""
    access: OperatorAccess = request.app.state.operator_access
    access.check(
        host=request.headers.get("host", ""),
        origin=request.headers.get("origin"),
        authorization=request.headers.get("authorization", ""),
    )
