"""DataCite's REST API over HTTP: register a DOI, find a DOI, list DOIs, check their metadata.

Of the `datacite` package the JSON schema alone is used.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import httpx
from datacite import schema45
from portal_shared.runtime.errors import Invalid, Unavailable
from portal_shared.runtime.tls import tls_context

from portal_doi.domain.registration import (
    Attributes,
    CurrentRegistration,
    Registration,
    current_registration,
)
from portal_doi.metrics import DATACITE_CALLS
from portal_doi.settings import DoiSettings

CONNECT_SECONDS = 5
DEFAULT_PAUSE_SECONDS = 30.0  # after "too many requests" without Retry-After
MAX_REASON_CHARACTERS = 1000
# Otherwise publisher and affiliations are returned as bare names, and cannot be compared.
FULL_DETAIL = {"publisher": "true", "affiliation": "true"}
_SUCCESS = (HTTPStatus.OK, HTTPStatus.CREATED)
_CREDENTIALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_INVALID = (  # the record is at fault; with any other status it is not
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
_NOT_SENT = (  # httpx raises these before the request leaves
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


class Refused(Unavailable):
    """Our credentials are not accepted, or not for this prefix: every call will fail."""


class TooFast(Unavailable):
    """DataCite demands a pause; the request was not processed."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


class NotSent(Unavailable):
    """DataCite was not reached; the request was not processed."""


class Unsure(Unavailable):
    """The request was sent; whether it was processed has to be queried."""


class Missing(Unavailable):
    """404: no such DOI. As the answer to a PUT: the address is not DataCite's."""


@dataclass(frozen=True)
class Page:
    """A page of DataCite's list by DOI, and the cursor of the next page; None on the last."""

    registrations: Mapping[str, CurrentRegistration]
    cursor: str | None


class DataCite:
    """Makes as many calls at a time as `parallelism` allows, over connections that stay open.

    Redirects are not followed: they could carry the credentials elsewhere.
    """

    def __init__(self, settings: DoiSettings) -> None:
        connections = settings.parallelism
        self._prefix = settings.datacite_prefix
        self._http = httpx.AsyncClient(
            base_url=settings.datacite_url,
            auth=httpx.BasicAuth(
                settings.datacite_user, settings.datacite_password.get_secret_value()
            ),
            timeout=httpx.Timeout(settings.datacite_timeout, connect=CONNECT_SECONDS, pool=None),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            follow_redirects=False,
            verify=tls_context(settings.datacite_ca_file),
        )
        # Calls wait here, not in httpx's pool, which wakes all that wait for each free connection.
        self._slots = asyncio.Semaphore(connections)
        self.refused: str | None = None  # the reason, while our credentials are not accepted

    async def close(self) -> None:
        await self._http.aclose()

    async def put(self, registration: Registration) -> CurrentRegistration:
        """Create or update the DOI; idempotent. Raises Invalid with DataCite's reasons.

        Raises Unsure if it may have been done, and another kind of Unavailable if it was not.
        """
        payload = {"data": {"type": "dois", "attributes": registration.attributes}}
        content = json.dumps(payload).encode()
        headers = {"content-type": "application/vnd.api+json"}
        path = f"dois/{registration.doi}"
        try:
            response = await self._request("put", "PUT", path, content=content, headers=headers)
            return current_registration(_attributes(response))
        except (NotSent, TooFast, Refused, Missing):
            raise
        except Unavailable as error:
            raise Unsure(error.reason) from error

    async def find(self, doi: str) -> CurrentRegistration | None:
        """Return what DataCite has of the DOI; None if it does not exist."""
        try:
            return current_registration(
                _attributes(await self._request("find", "GET", f"dois/{doi}"))
            )
        except Missing:
            return None

    async def page(self, cursor: str | None, size: int) -> Page:
        """Return a page of all DOIs with our prefix, oldest first."""
        query = {"prefix": self._prefix, "page[size]": str(size), "page[cursor]": cursor or "1"}
        response = await self._request("list", "GET", "dois", query=query)
        try:
            body = response.json()
            found = {
                str(one["id"]).lower(): current_registration(one["attributes"])
                for one in body["data"]
            }
            links: Mapping[str, Any] = body.get("links") or {}
            next_url = links.get("next")
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise Unavailable("DataCite returned a response that is not a list of DOIs") from error
        following = parse_qs(urlsplit(str(next_url)).query) if next_url else {}
        return Page(found, following.get("page[cursor]", [None])[0])

    def problems(self, registration: Registration) -> dict[str, str]:
        """Return what schema 4.5 forbids, by property; for a public DOI DataCite does not check."""
        return schema_problems(registration.attributes)

    async def check_health(self) -> None:
        """Raise Refused while our credentials are not accepted."""
        if self.refused:
            raise Refused(self.refused)

    async def _request(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        **sent: Any,
    ) -> httpx.Response:
        async with self._slots:
            with DATACITE_CALLS.measure(operation):
                return await self._send(method, path, {**(query or {}), **FULL_DETAIL}, **sent)

    async def _send(
        self, method: str, path: str, params: Mapping[str, str], **sent: Any
    ) -> httpx.Response:
        try:
            response = await self._http.request(method, path, params=params, **sent)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            kind = NotSent if isinstance(error, _NOT_SENT) else Unavailable
            reason = f"DataCite: {type(error).__name__}: {error}"
            raise kind(reason[:MAX_REASON_CHARACTERS]) from error
        if response.status_code in _SUCCESS:
            self.refused = None
            return response
        failure = _failure(response)
        if isinstance(failure, Refused):
            self.refused = failure.reason
        elif isinstance(failure, Invalid):
            self.refused = None
        raise failure


def _attributes(response: httpx.Response) -> object:
    try:
        return response.json()["data"]["attributes"]
    except (ValueError, LookupError, TypeError) as error:
        reason = f"DataCite answered {response.status_code} without a DOI"
        raise Unavailable(reason) from error


def _failure(response: httpx.Response) -> Invalid | Unavailable:
    status = response.status_code
    reason = f"DataCite answered {status}: {_reasons(response)}"[:MAX_REASON_CHARACTERS]
    if status in _CREDENTIALS:
        return Refused(reason)
    if status == HTTPStatus.NOT_FOUND:
        return Missing(reason)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return TooFast(reason, _pause(response.headers.get("Retry-After")))
    return Invalid(reason) if status in _INVALID else Unavailable(reason)


def _reasons(response: httpx.Response) -> str:
    """Return DataCite's reasons, attribute by attribute; else the beginning of the body."""
    try:
        errors: list[dict[str, Any]] = response.json()["errors"]
        reasons = [
            f"{e['source']}: {e['title']}" if e.get("source") else str(e["title"]) for e in errors
        ]
    except (ValueError, LookupError, TypeError, AttributeError):
        return response.text[:200]
    return "; ".join(reasons)


def _pause(retry_after: str | None) -> float:
    if retry_after and retry_after.isdecimal():
        return float(retry_after)
    return DEFAULT_PAUSE_SECONDS


_PROPERTIES = cast("Mapping[str, Any]", schema45.validator.schema["properties"])
_REQUIRED = tuple(cast("list[str]", schema45.validator.schema["required"]))


def schema_problems(attributes: Attributes) -> dict[str, str]:
    """Return what schema 4.5 forbids, by property.

    Checked one by one and cached, because many DOIs have the same creators.
    """
    problems = {name: "is missing" for name in _REQUIRED if name not in attributes}
    for name, value in attributes.items():
        known = name in _PROPERTIES
        reasons = _property_problems(name, json.dumps(value)) if known else ("is not known",)
        if reasons:
            problems[name] = "; ".join(reasons)[:MAX_REASON_CHARACTERS]
    return problems


@lru_cache(maxsize=4096)
def _property_problems(name: str, value: str) -> tuple[str, ...]:
    errors = schema45.validator.iter_errors({name: json.loads(value)})
    return tuple(_reason(error) for error in errors if error.absolute_path)


def _reason(error: "schema45.SchemaError") -> str:
    place = ".".join(str(step) for step in list(error.absolute_path)[1:])
    return f"{place}: {error.message}" if place else error.message
