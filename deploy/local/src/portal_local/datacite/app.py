"""HTTP routes of the simulator: the REST API's /dois and the resolver, for one account."""

import base64
import hmac
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from portal_local import simulation
from portal_local.datacite import doi_list, jsonapi, refusals, registration
from portal_local.datacite.refusals import Refused
from portal_local.datacite.registry import Doi, Registry

MAX_PAYLOAD_BYTES = 8 * 2**20


class HandleFault(simulation.Fault):
    """The DOI is stored but not in the handle system: `registered` stays null."""

    effect: Literal["handle"]


def kind_of(method: str, path: str) -> str:
    """Return the name by which a call is counted."""
    if path.rstrip("/") == "/dois":
        return f"{method} /dois"
    if path.startswith("/dois/"):
        return f"{method} /dois/{{doi}}"
    return f"{method} /heartbeat" if path == "/heartbeat" else f"{method} /{{doi}}"


class Account:
    """The repository account: its credentials and its prefixes."""

    def __init__(self, user: str, password: str, prefixes: Collection[str]) -> None:
        self.user = user
        self.prefixes = frozenset(prefixes)
        self._secret = f"{user.lower()}:{password}".encode()

    def is_authenticated(self, request: Request) -> bool:
        """Return False without credentials. Raises Refused for wrong ones, on every route."""
        header = request.headers.get("authorization")
        if header is None:
            return False
        scheme, _, given = header.partition(" ")
        try:
            user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except ValueError as error:
            raise Refused(401) from error
        sent = f"{user.lower()}:{password}".encode()
        if scheme.lower() != "basic" or not hmac.compare_digest(sent, self._secret):
            raise Refused(401)
        return True

    def require(self, request: Request) -> None:
        if not self.is_authenticated(request):
            raise Refused(401)


class DataCite:
    def __init__(
        self, registry: Registry, account: Account, faults: simulation.Faults, *, lag: float = 0.0
    ) -> None:
        self._registry = registry
        self._lag = timedelta(seconds=lag)  # until the list shows a change
        self._account = account
        self._faults = faults

    async def create(self, request: Request) -> Response:
        self._account.require(request)
        attributes = registration.attributes_of(await _payload(request))
        doi = registration.name_of(attributes)
        registration.check_name(doi, self._account.prefixes)
        if self._registry.get(doi):
            taken = refusals.Fault("doi", "This DOI has already been taken")
            raise Refused(422, faults=[taken])
        stored = self._store(registration.changed(None, doi, attributes, _now()))
        return self._response(request, stored, 201)

    async def put(self, request: Request) -> Response:
        """Create or update, for PUT and PATCH: only the attributes in the body change."""
        self._account.require(request)
        doi = _doi(request)
        registration.check_name(doi, self._account.prefixes)
        attributes = registration.attributes_of(await _payload(request))
        before = self._registry.get(doi)
        stored = self._store(registration.changed(before, doi, attributes, _now()))
        return self._response(request, stored, 200 if before else 201)

    async def get(self, request: Request) -> Response:
        is_authenticated = self._account.is_authenticated(request)
        found = self._registry.get(_doi(request))
        if found is None or (found.state != "findable" and not is_authenticated):
            raise Refused(404)
        return self._response(request, found, 200)

    async def get_list(self, request: Request) -> Response:
        query = dict(request.query_params)
        page = doi_list.parse_page(query, public_only=not self._account.is_authenticated(request))
        where, values = page.where, page.values
        if self._lag:
            where, values = f"({where}) AND updated <= ?", (*values, _timestamp(-self._lag))
        by_state = self._registry.count(where, values)
        if page.after:
            where, values = f"({where}) AND (created, doi) > (?, ?)", (*values, *page.after)
        found = self._registry.select(
            where, values, order=page.order, limit=page.size, offset=page.offset
        )
        host = request.headers.get("host", "localhost")
        address = f"{request.url.scheme}://{host}/dois"
        next_url = doi_list.next_link(address, query, page, found)
        links = {"self": f"{address}?{urlencode(query)}"}
        if next_url:
            links["next"] = next_url
        return JSONResponse(
            {
                "data": [self._resource(request, doi, detail=False) for doi in found],
                "meta": doi_list.meta(page, by_state),
                "links": links,
            }
        )

    async def delete(self, request: Request) -> Response:
        self._account.require(request)
        found = self._registry.get(_doi(request))
        if found is None:
            raise Refused(404)
        if found.prefix not in self._account.prefixes:
            raise Refused(403)
        if found.state != "draft":
            raise Refused(405)
        self._registry.delete(found.doi)
        return Response(status_code=204)

    async def resolve(self, request: Request) -> Response:
        """Redirect to the landing page, as doi.org does, if the handle system has the DOI."""
        found = self._registry.get(_doi(request))
        if found is None or found.registered is None or not found.url:
            return PlainTextResponse("DOI Not Found", 404)
        return RedirectResponse(found.url, 302)

    def _store(self, doi: Doi) -> Doi:
        """Store the DOI, then register its handle; a failure of that does not fail the call."""
        if doi.state != "draft" and doi.registered is None:
            failed = self._faults.take(HandleFault, lambda _: True)
            doi = replace(doi, registered=None if failed else doi.updated)
        self._registry.put(doi)
        return doi

    def _response(self, request: Request, doi: Doi, status: int) -> Response:
        return JSONResponse({"data": self._resource(request, doi, detail=True)}, status)

    def _resource(self, request: Request, doi: Doi, *, detail: bool) -> dict[str, Any]:
        return jsonapi.resource(
            doi,
            self._account.user,
            detail=detail,
            affiliation=request.query_params.get("affiliation") == "true",
            publisher=request.query_params.get("publisher") == "true",
        )


def _doi(request: Request) -> str:
    return str(request.path_params["doi"]).strip("/").lower()


async def _payload(request: Request) -> object:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_PAYLOAD_BYTES:
            raise Refused(413)
    try:
        return simulation.parse_json(bytes(body))
    except ValueError as error:
        raise Refused(400, f"The payload is not JSON: {error}") from error


def _now() -> str:
    return _timestamp(timedelta())


def _timestamp(offset: timedelta) -> str:
    moment = datetime.now(UTC) + offset
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _heartbeat(_request: Request) -> Response:
    return PlainTextResponse("OK")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101 - registered for no other
    return refusals.answer(error, request.path_params.get("doi"))


async def _unrouted(_request: Request, error: Exception) -> Response:
    return refusals.plain(error.status_code if isinstance(error, HTTPException) else 500)


def build(directory: Path, account: Account, *, latency: float = 0.0, lag: float = 0.0) -> ASGIApp:
    """Build the simulator with its state in `directory`; a call takes `latency` seconds.

    The list shows a change after `lag` seconds, like DataCite's search index.
    """
    database = simulation.open_database(directory / "datacite.sqlite")
    calls = simulation.Calls(database)
    faults = simulation.Faults(TypeAdapter(simulation.CallFault | HandleFault))
    api = DataCite(Registry(database), account, faults, lag=lag)
    routes = [
        *simulation.operator_routes(calls, faults),
        Route("/heartbeat", _heartbeat),
        Route("/dois", api.get_list),
        Route("/dois", api.create, methods=["POST"]),
        Route("/dois/{doi:path}", api.get),
        Route("/dois/{doi:path}", api.put, methods=["PUT", "PATCH"]),
        Route("/dois/{doi:path}", api.delete, methods=["DELETE"]),
        Route("/{doi:path}", api.resolve),
    ]
    app = Starlette(routes=routes, exception_handlers={Refused: _refused, HTTPException: _unrouted})
    return simulation.SimulatorMiddleware(
        app, calls=calls, faults=faults, kind_of=kind_of, refusal=refusals.plain, latency=latency
    )
