"""Routes of the PaNOSC search API below /api. Case does not matter; pids may have slashes."""

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, cast

from portal_shared.runtime.errors import PortalError
from portal_shared.runtime.logs import logger
from portal_shared.service.request_log import ROUTE_KEY
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from portal_gateway.errors import MODEL_NOT_FOUND, ResourceNotFound
from portal_gateway.filters import query_string
from portal_gateway.filters.ast import And, Search, conditional_includes
from portal_gateway.filters.parser import FILTER_KEYS, FilterParser, check_keys, parse_search
from portal_gateway.filters.schema import DATASET, DOCUMENT, FILE, INSTRUMENT, Entity
from portal_gateway.http import responses
from portal_gateway.metrics import SearchTimer
from portal_gateway.search import export, snippets
from portal_gateway.search.export import Exporter
from portal_gateway.search.facets import FacetSearch
from portal_gateway.search.files import FilePages
from portal_gateway.search.pagination import Page, Paginator
from portal_gateway.search.planner import Searcher
from portal_gateway.search.snippets import Highlighter
from portal_gateway.search.suggestions import Suggester

log = logger(__name__)

ENTITIES = {"datasets": DATASET, "documents": DOCUMENT, "instruments": INSTRUMENT}
EXTENSIONS = ("facets", "suggest", "export")
API_PREFIX = "/api/"
READ_METHODS = ("GET", "HEAD")
METHODS = [*READ_METHODS, "POST", "PUT", "PATCH", "DELETE"]
QueryParameters = list[tuple[str, str]]


@dataclass(frozen=True)
class ApiPath:
    """A parsed path of the API. Without `pid` it is the list of an entity."""

    entity: Entity
    pid: str | None = None
    action: str = ""  # count, facets, suggest, export, files, files/count


def parse_path(path: str) -> ApiPath | None:
    """Parses a decoded path after /api/; None if it is not a path of the search API."""
    plural, _, rest = path.partition("/")
    entity = ENTITIES.get(plural.lower())
    if entity is None:
        return None
    rest = rest.removesuffix("/")
    if not rest:
        return ApiPath(entity)
    lower = rest.lower()
    if lower == "count" or lower in EXTENSIONS:
        return ApiPath(entity, action=lower)
    if entity is DATASET:
        for action in ("files/count", "files"):
            if lower.endswith(f"/{action}"):
                return ApiPath(entity, rest[: -len(action) - 1], action)
    return ApiPath(entity, rest)


class SearchApiMiddleware:
    """Answers reads of the search API directly and passes other requests to the application.

    The application's routing would be a third of the framework's cost of a request (ADR 15).
    """

    def __init__(self, app: ASGIApp, api: "PanoscApi") -> None:
        self._app, self._api = app, api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in READ_METHODS:
            path = cast("str", scope["path"])
            below = path.removeprefix(API_PREFIX)
            target = parse_path(below) if below != path else None
            if target is not None:
                scope[ROUTE_KEY] = f"{API_PREFIX}{below.partition('/')[0]}:{_kind(target)}"
                response = await self._api.serve(Request(scope, receive, send), below, target)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


@dataclass(frozen=True)
class PanoscApi:
    searcher: Searcher
    paginator: Paginator
    files: FilePages
    facets: FacetSearch
    suggester: Suggester
    highlighter: Highlighter
    exporter: Exporter

    def routes(self) -> list[Route]:
        return [Route(API_PREFIX + "{path:path}", self._serve_route, methods=METHODS)]

    async def _serve_route(self, request: Request) -> Response:
        path: str = request.path_params["path"]
        return await self.serve(request, path, parse_path(path))

    async def serve(self, request: Request, path: str, target: ApiPath | None) -> Response:
        """Returns the response or an error body. `path` begins after /api/."""
        try:
            with SearchTimer(_kind(target)):
                return await self._serve(request, path, target)
        except PortalError as error:
            if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                log.warning("request failed", path=request.url.path, reason=str(error))
            return responses.panosc_error_response(error)

    async def _serve(self, request: Request, path: str, target: ApiPath | None) -> Response:
        if request.method not in READ_METHODS:
            if target is None:
                raise ResourceNotFound(f"There is no method to handle {request.method} /{path}")
            below = path.partition("/")[2]
            raise ResourceNotFound(
                f'Shared class "{target.entity.name}" has no method handling '
                f"{request.method} /{below}"
            )
        if target is None or "\x00" in path:
            raise ResourceNotFound(f"There is no method to handle {request.method} /{path[:300]}")
        if target.action != "export":
            responses.require_json_accepted(request)
        sent = query_string.parse_parameters(request.scope["query_string"])
        if target.action.startswith("files"):
            return await self._get_files(request, target, sent)
        if target.action == "count":
            return await self._get_count(request, target, sent)
        if target.action in EXTENSIONS:
            return await self._get_extension(request, target, sent)
        if target.pid is not None:
            return await self._get_record(request, target, sent)
        search = _search(target.entity, sent)
        with_snippets = snippets.parse_flag(query_string.last_value(sent, "snippets"))
        page = await self.paginator.load_page(search, whole=with_snippets)
        if with_snippets:
            page = await self.highlighter.add_snippets(search, page)
        return _page_response(request, page)

    async def _get_extension(
        self, request: Request, target: ApiPath, sent: QueryParameters
    ) -> Response:
        search = _search(target.entity, sent)
        names = query_string.last_value(sent, "facets") or ""
        if target.action == "facets":
            return responses.json_response(request, await self.facets.compute_facets(search, names))
        if target.action == "suggest":
            typed = query_string.last_value(sent, "typed") or ""
            limit = query_string.last_value(sent, "limit")
            suggestions = await self.suggester.suggest(search, typed, names, limit)
            return responses.json_response(request, suggestions)
        table_format = export.find_format(query_string.last_value(sent, "format"))
        columns = export.parse_columns(target.entity, query_string.last_value(sent, "columns"))
        content = await self.exporter.start(search, columns, table_format)
        return StreamingResponse(content, headers=export.headers(target.entity, table_format))

    async def _get_record(
        self, request: Request, target: ApiPath, sent: QueryParameters
    ) -> Response:
        pid = target.pid or ""
        raw = query_string.parse_object(sent, "filter")
        check_keys(raw, FILTER_KEYS, "filter")
        search = parse_search(target.entity, {k: raw.get(k) for k in ("include", "fields")})
        found = await self.searcher.load_record_json(search, pid)
        if found is None:
            name = target.entity.name
            raise ResourceNotFound(f'Unknown "{name}" id "{pid[:300]}".', code=MODEL_NOT_FOUND)
        return responses.content_response(request, found)

    async def _get_count(
        self, request: Request, target: ApiPath, sent: QueryParameters
    ) -> Response:
        search = _search(target.entity, sent)
        raw = query_string.parse_object(sent, "where") or None
        where = FilterParser().parse_where(target.entity, raw)
        conditions = conditional_includes(search.include)
        search = replace(search, where=And((search.where, where)), include=conditions)
        return responses.json_response(request, {"count": await self.searcher.count(search)})

    async def _get_files(
        self, request: Request, target: ApiPath, sent: QueryParameters
    ) -> Response:
        pid = target.pid or ""
        dataset = await self.searcher.load_record(Search(DATASET), pid)
        if dataset is None:
            raise ResourceNotFound(
                f"could not find a model with id {pid[:300]}", code=MODEL_NOT_FOUND
            )
        if target.action == "files/count":
            raw = query_string.parse_object(sent, "where") or None
            count = await self.files.count(dataset["pid"], FilterParser().parse_where(FILE, raw))
            return responses.json_response(request, {"count": count})
        search = parse_search(FILE, query_string.parse_object(sent, "filter"))
        page = await self.files.load_page(dataset["pid"], search.where, search.paging)
        return _page_response(request, page)


def _kind(target: ApiPath | None) -> str:
    """Returns the kind of search for metrics: few values, whatever the address is."""
    if target is None:
        return "unknown"
    return target.action.replace("/", "_") or ("get" if target.pid is not None else "list")


def _search(entity: Entity, sent: QueryParameters) -> Search:
    raw: dict[str, Any] = query_string.parse_object(sent, "filter")
    query = query_string.last_value(sent, "query")
    return parse_search(entity, {**raw, "query": query} if query else raw)


def _page_response(request: Request, page: Page) -> Response:
    headers = {"x-total-count": str(page.total)}
    if page.more is not None:
        return responses.streaming_response(request, page.rows, page.more, headers)
    return responses.content_response(request, b"[%b]" % b",".join(page.rows), headers=headers)
