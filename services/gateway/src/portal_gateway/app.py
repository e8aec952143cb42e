"""Composition root: builds the application of the public HTTP interface."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from portal_shared import profile
from portal_shared.runtime import mongo
from portal_shared.runtime.errors import PortalError
from portal_shared.runtime.worker import Worker
from portal_shared.service import problems
from portal_shared.service.app import Service
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from portal_gateway import handlers
from portal_gateway.aggregates.loader import Aggregates
from portal_gateway.catalogue import Catalogue
from portal_gateway.citation.loader import CitedRecordLoader
from portal_gateway.downloads.create import DownloadCreator
from portal_gateway.downloads.notifications import Notifier
from portal_gateway.downloads.repository import Downloads
from portal_gateway.downloads.watch import StreamLimits
from portal_gateway.downloads.webhooks import Webhooks
from portal_gateway.engine.client import Engine
from portal_gateway.errors import BadRequest, ResourceNotFound
from portal_gateway.files.availability import FileStates
from portal_gateway.files.loader import FilePageLoader
from portal_gateway.files.rows import FileRows
from portal_gateway.http import responses
from portal_gateway.http.head_requests import HeadRequests
from portal_gateway.http.site_proxy import SiteProxy
from portal_gateway.labels.fields import FieldTable
from portal_gateway.openapi import document
from portal_gateway.overlays.loader import OverlayLoader
from portal_gateway.records.loader import RecordLoader
from portal_gateway.records.related import RelatedDatasets
from portal_gateway.results.export_writer import ExportWriter
from portal_gateway.results.search import ResultSearch
from portal_gateway.results.suggest import SuggestionSearch
from portal_gateway.routes import (
    aggregates,
    api_manual,
    downloads,
    files,
    history,
    overlays,
    portal,
    records,
    search_page,
    usage,
)
from portal_gateway.routes.citation import CitationRoutes
from portal_gateway.routes.panosc import PanoscApi, SearchApiMiddleware
from portal_gateway.routes.record_pages import RecordPages
from portal_gateway.search.export import Exporter
from portal_gateway.search.facets import FacetSearch
from portal_gateway.search.files import FilePages
from portal_gateway.search.pagination import Paginator
from portal_gateway.search.planner import Searcher
from portal_gateway.search.snippets import Highlighter
from portal_gateway.search.suggestions import Suggester
from portal_gateway.service_status import StatusChecker
from portal_gateway.settings import GatewaySettings
from portal_gateway.usage.counter import STORE_SECONDS, UsageCounter
from portal_gateway.usage.store import UsageStore

EXPOSED_HEADERS = (  # readable by pages of other origins: totals, and headers for ranges
    "X-Total-Count",
    "Accept-Ranges",
    "Content-Length",
    "Content-Range",
    "ETag",
    "Last-Modified",
    "Repr-Digest",
    "Retry-After",
)
CORS_MAX_AGE_SECONDS = 86_400


def build(settings: GatewaySettings | None = None) -> FastAPI:
    """Builds the application."""
    settings = settings or GatewaySettings()
    service = Service("gateway", settings, needs=(("search", "database"),), waits_for_bus=False)
    database = mongo.database(service.client, settings, "catalogue")
    engine, catalogue = Engine(settings), Catalogue(database)
    searcher = Searcher(engine, catalogue)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        async with service.running_beside(operators, settings):
            try:
                yield
            finally:
                engine.close()

    app = FastAPI(
        title="Human Organs Open Data portal",
        lifespan=lifespan,
        docs_url=None,  # its page loads scripts from other origins: see api_manual
        redoc_url=None,
        openapi_url=api_manual.OPENAPI_PATH,
    )
    operators = add_operators(app, service)
    service.add_check("search", engine.check_health)
    app.state.service = service
    app.state.engine = engine
    app.state.catalogue = catalogue
    add_downloads(app, service, database, settings)
    add_overlays(app, catalogue, settings)
    cited = CitedRecordLoader(catalogue, site_url=settings.site_url)
    add_site(app, engine, catalogue, cited, settings)
    facets, paginator = FacetSearch(searcher), Paginator(searcher, engine)
    api = PanoscApi(
        searcher=searcher,
        paginator=paginator,
        files=FilePages(catalogue),
        facets=facets,
        suggester=Suggester(facets),
        highlighter=Highlighter(engine),
        exporter=Exporter(searcher, paginator),
    )
    app.router.routes.extend(RecordPages(searcher, catalogue).routes())
    app.router.routes.extend([*api_manual.routes(), *api.routes()])
    app.add_middleware(SearchApiMiddleware, api=api)
    app.add_middleware(HeadRequests)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],  # all answers are public; without credentials none is a reader's own
        allow_methods=["GET", "HEAD", "POST", "DELETE", "OPTIONS"],
        allow_headers=["*"],
        expose_headers=EXPOSED_HEADERS,
        max_age=CORS_MAX_AGE_SECONDS,
    )
    if settings.site_server_url:
        app.add_middleware(SiteProxy, url=settings.site_server_url)
    service.observe(app)
    app.openapi = partial(document.build_document, app)
    add_error_handlers(app)
    return app


def add_operators(app: FastAPI, service: Service) -> FastAPI:
    """Adds the probes to the port of readers; returns the application of operators' own port."""
    service.add_probes(app)
    operators = app.state.operators = service.app()
    problems.install(operators)
    return operators


def add_site(
    app: FastAPI,
    engine: Engine,
    catalogue: Catalogue,
    cited: CitedRecordLoader,
    settings: GatewaySettings,
) -> None:
    """Adds the routes that the web site needs; paths below /api/records from long to short."""
    table = FieldTable(profile.load(settings.profile))
    app.state.results = ResultSearch(engine, table)
    app.state.records = RecordLoader(
        catalogue, RelatedDatasets(engine, table), cited, table, site_url=settings.site_url
    )
    app.state.export_writer = ExportWriter(
        app.state.results, catalogue, cited, site_url=settings.site_url
    )
    app.state.suggestions = SuggestionSearch(engine, table)
    app.state.aggregates = Aggregates(engine, catalogue, table)
    service: Service = app.state.service
    app.state.status_checker = StatusChecker(service, engine, catalogue, settings.downloader_url)
    app.state.file_states = FileStates(settings.downloader_url)
    app.state.file_pages = FilePageLoader(FileRows(catalogue.database), app.state.file_states)
    app.include_router(portal.router)
    app.include_router(search_page.router)
    app.include_router(aggregates.router)
    app.include_router(history.router)
    app.include_router(files.router)
    app.include_router(usage.router)
    app.router.routes.extend(CitationRoutes(catalogue, cited).routes())
    app.include_router(records.router)


def add_downloads(
    app: FastAPI, service: Service, catalogue: mongo.Database, settings: GatewaySettings
) -> None:
    """Adds the routes, bus subscribers and worker of downloads."""
    repository = Downloads(service)
    app.state.downloads = repository
    app.state.stream_limits = StreamLimits(
        per_reader=settings.most_streams_open, in_all=settings.most_streams_in_all
    )
    webhooks = Webhooks(allow_private=settings.webhook_private)
    app.state.webhooks = webhooks
    app.state.download_creator = DownloadCreator(service, catalogue, repository, settings, webhooks)
    service.subscribe(handlers.router, downloads=repository, usage=add_usage(app, service))
    for worker in Notifier(settings, repository, webhooks).workers():
        service.add_worker(worker)
    app.include_router(downloads.router)


def add_usage(app: FastAPI, service: Service) -> UsageCounter:
    """Adds the counts of views and downloads, and the worker that stores them."""
    store = UsageStore(service.database)
    counter = UsageCounter(store)
    app.state.usage_store, app.state.usage = store, counter
    service.add_start_step(store.prepare)
    service.add_worker(Worker("usage", counter.step, idle_seconds=STORE_SECONDS))
    return counter


def add_overlays(app: FastAPI, catalogue: Catalogue, settings: GatewaySettings) -> None:
    app.state.overlays, app.state.overlay_settings = OverlayLoader(catalogue), settings
    app.include_router(overlays.router)


def add_error_handlers(app: FastAPI) -> None:
    """Adds handlers that return problem details. The search API handles its errors itself."""
    app.add_exception_handler(ClientDisconnect, problems.end_disconnected)

    @app.exception_handler(PortalError)
    async def portal_error(_request: Request, error: PortalError) -> Response:
        return responses.problem_response(error, **getattr(error, "members", {}))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        if error.status_code in (404, 405):
            path = request.url.path
            return responses.problem_response(
                ResourceNotFound(f"There is no method to handle {request.method} {path[:300]}")
            )
        other = PortalError(str(error.detail))
        other.status = error.status_code
        return responses.problem_response(other)

    @app.exception_handler(RequestValidationError)
    async def invalid_parameters(_request: Request, error: RequestValidationError) -> Response:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        return responses.problem_response(BadRequest("; ".join(problems)[:1000]))
