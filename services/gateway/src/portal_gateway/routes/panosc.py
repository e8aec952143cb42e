"""The search API of PaNOSC: eleven endpoints below /api, in any case, pids with slashes."""

from dataclasses import dataclass, replace
from typing import Any, cast

from portal_shared.runtime.errors import PortalError
from portal_shared.runtime.logs import logger
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from portal_gateway.errors import NOT_FOUND, NothingThere
from portal_gateway.filters import query_string
from portal_gateway.filters.ast import All, Search, deciding
from portal_gateway.filters.parser import FILTER_KEYS, Reader, known_keys, read_search
from portal_gateway.filters.schema import DATASET, DOCUMENT, FILE, INSTRUMENT, Entity
from portal_gateway.http import responses
from portal_gateway.search import export as exporting
from portal_gateway.search import snippets as quoting
from portal_gateway.search.export import Exporting
from portal_gateway.search.facets import Faceting
from portal_gateway.search.files import FilePages
from portal_gateway.search.pagination import Listing, Page
from portal_gateway.search.planner import Searching
from portal_gateway.search.snippets import Quoting
from portal_gateway.search.suggestions import Suggesting

log = logger(__name__)

ENTITIES = {"datasets": DATASET, "documents": DOCUMENT, "instruments": INSTRUMENT}
EXTENSIONS = ("facets", "suggest", "export")
BELOW = "/api/"
READS = ("GET", "HEAD")
METHODS = [*READS, "POST", "PUT", "PATCH", "DELETE"]
Sent = list[tuple[str, str]]


@dataclass(frozen=True)
class Asked:
    """What a path asks for; `pid` None is the list."""

    entity: Entity
    pid: str | None = None
    action: str = ""  # count, facets, suggest, export, files, files/count


def asked(path: str) -> Asked | None:
    """None for a path that is none of ours. `path` is decoded and begins after /api/."""
    word, _, rest = path.partition("/")
    entity = ENTITIES.get(word.lower())
    if entity is None:
        return None
    rest = rest.removesuffix("/")
    if not rest:
        return Asked(entity)
    lower = rest.lower()
    if lower == "count" or lower in EXTENSIONS:
        return Asked(entity, action=lower)
    if entity is DATASET:
        for action in ("files/count", "files"):
            if lower.endswith(f"/{action}"):
                return Asked(entity, rest[: -len(action) - 1], action)
    return Asked(entity, rest)


class SearchFirst:
    """Reads of the search API without the way through all other routes; the rest to the `app`.

    That way is a third of what the framework costs a get (docs/adr/0015).
    """

    def __init__(self, app: ASGIApp, api: "PanoscApi") -> None:
        self._app, self._api = app, api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in READS:
            path = cast("str", scope["path"])
            below = path.removeprefix(BELOW)
            wanted = asked(below) if below != path else None
            if wanted is not None:
                response = await self._api.serve(Request(scope, receive, send), below, wanted)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


@dataclass(frozen=True)
class PanoscApi:
    searching: Searching
    listing: Listing
    files: FilePages
    faceting: Faceting
    suggesting: Suggesting
    quoting: Quoting
    exporting: Exporting

    def routes(self) -> list[Route]:
        return [Route(BELOW + "{path:path}", self._routed, methods=METHODS)]

    async def _routed(self, request: Request) -> Response:
        path: str = request.path_params["path"]
        return await self.serve(request, path, asked(path))

    async def serve(self, request: Request, path: str, wanted: Asked | None) -> Response:
        """The answer, or the refusal; `path` begins after /api/ and asks for what is `wanted`."""
        try:
            return await self._serve(request, path, wanted)
        except PortalError as error:
            if error.status >= 500:  # noqa: PLR2004  # told to us, too
                log.warning("not answered", path=request.url.path, reason=str(error))
            return responses.refused(error)

    async def _serve(self, request: Request, path: str, wanted: Asked | None) -> Response:
        if request.method not in READS:
            if wanted is None:
                raise NothingThere(f"There is no method to handle {request.method} /{path}")
            below = path.partition("/")[2]
            raise NothingThere(
                f'Shared class "{wanted.entity.name}" has no method handling '
                f"{request.method} /{below}"
            )
        if wanted is None or "\x00" in path:
            raise NothingThere(f"There is no method to handle {request.method} /{path[:300]}")
        if wanted.action != "export":
            responses.must_accept_json(request)
        sent = query_string.parameters(request.scope["query_string"])
        if wanted.action.startswith("files"):
            return await self._files(request, wanted, sent)
        if wanted.action == "count":
            return await self._count(request, wanted, sent)
        if wanted.action in EXTENSIONS:
            return await self._extension(request, wanted, sent)
        if wanted.pid is not None:
            return await self._record(request, wanted, sent)
        search = _search(wanted.entity, sent)
        with_snippets = quoting.asked(query_string.text(sent, "snippets"))
        page = await self.listing.page(search, whole=with_snippets)
        if with_snippets:
            page = await self.quoting.quoted(search, page)
        return _listed(request, page)

    async def _extension(self, request: Request, wanted: Asked, sent: Sent) -> Response:
        search = _search(wanted.entity, sent)
        names = query_string.text(sent, "facets") or ""
        if wanted.action == "facets":
            return responses.told(request, await self.faceting.told(search, names))
        if wanted.action == "suggest":
            typed, limit = query_string.text(sent, "typed") or "", query_string.text(sent, "limit")
            return responses.told(request, await self.suggesting.told(search, typed, names, limit))
        form = exporting.form(query_string.text(sent, "format"))
        columns = exporting.columns(wanted.entity, query_string.text(sent, "columns"))
        content = await self.exporting.begun(search, columns, form)
        return StreamingResponse(content, headers=exporting.headers(wanted.entity, form))

    async def _record(self, request: Request, wanted: Asked, sent: Sent) -> Response:
        pid = wanted.pid or ""
        raw = query_string.objects(sent, "filter")
        known_keys(raw, FILTER_KEYS, "filter")
        search = read_search(wanted.entity, {k: raw.get(k) for k in ("include", "fields")})
        found = await self.searching.sent(search, pid)
        if found is None:
            name = wanted.entity.name
            raise NothingThere(f'Unknown "{name}" id "{pid[:300]}".', code=NOT_FOUND)
        return responses.answer(request, found)

    async def _count(self, request: Request, wanted: Asked, sent: Sent) -> Response:
        search = _search(wanted.entity, sent)
        where = Reader().where(wanted.entity, query_string.objects(sent, "where") or None)
        conditions = deciding(search.include)
        search = replace(search, where=All((search.where, where)), include=conditions)
        return responses.told(request, {"count": await self.searching.count(search)})

    async def _files(self, request: Request, wanted: Asked, sent: Sent) -> Response:
        pid = wanted.pid or ""
        dataset = await self.searching.record(Search(DATASET), pid)
        if dataset is None:
            raise NothingThere(f"could not find a model with id {pid[:300]}", code=NOT_FOUND)
        if wanted.action == "files/count":
            where = Reader().where(FILE, query_string.objects(sent, "where") or None)
            return responses.told(request, {"count": await self.files.count(dataset["pid"], where)})
        search = read_search(FILE, query_string.objects(sent, "filter"))
        page = await self.files.page(dataset["pid"], search.where, search.shape)
        return _listed(request, page)


def _search(entity: Entity, sent: Sent) -> Search:
    raw: dict[str, Any] = query_string.objects(sent, "filter")
    query = query_string.text(sent, "query")
    return read_search(entity, {**raw, "query": query} if query else raw)


def _listed(request: Request, page: Page) -> Response:
    headers = {"x-total-count": str(page.total)}
    if page.more is not None:
        return responses.streamed(request, page.items, page.more, headers)
    return responses.answer(request, b"[%b]" % b",".join(page.items), headers=headers)
