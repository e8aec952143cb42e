"""The gateway: settings in, the public HTTP interface out."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from portal_shared.runtime import mongo
from portal_shared.runtime.errors import PortalError
from portal_shared.runtime.worker import Worker
from portal_shared.service.app import Service
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from portal_gateway import handlers
from portal_gateway.catalogue import Catalogue
from portal_gateway.citation.loader import Records
from portal_gateway.downloads.notifications import Noticing
from portal_gateway.downloads.repository import Downloads
from portal_gateway.engine.client import Engine
from portal_gateway.errors import NothingThere, Refused
from portal_gateway.http import responses
from portal_gateway.openapi import document
from portal_gateway.routes import downloads, history
from portal_gateway.routes.citation import Citation
from portal_gateway.routes.landing import Landing
from portal_gateway.routes.panosc import PanoscApi, SearchFirst
from portal_gateway.search.export import Exporting
from portal_gateway.search.facets import Faceting
from portal_gateway.search.files import FilePages
from portal_gateway.search.pagination import Listing
from portal_gateway.search.planner import Searching
from portal_gateway.search.snippets import Quoting
from portal_gateway.search.suggestions import Suggesting
from portal_gateway.settings import GatewaySettings

EXPOSED = (  # what a page of another origin may read: totals, and what readers of ranges need
    "X-Total-Count",
    "Accept-Ranges",
    "Content-Length",
    "Content-Range",
    "ETag",
    "Last-Modified",
    "Repr-Digest",
    "Retry-After",
)
DAY = 86_400


def build(settings: GatewaySettings | None = None) -> FastAPI:
    settings = settings or GatewaySettings()
    service = Service("gateway", settings, database="gateway")
    database = mongo.database(service.client, settings, "catalogue")
    engine, catalogue = Engine(settings), Catalogue(database)
    searching = Searching(engine, catalogue)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        async with service.running():
            try:
                yield
            finally:
                engine.close()

    app = FastAPI(
        title="Human Organs Open Data portal",
        lifespan=lifespan,
        docs_url="/api/docs",
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    service.app(app)
    service.add_check("search", engine.ready)
    app.state.service = service
    app.state.engine = engine
    app.state.downloads = Downloads(service, database, settings)
    service.subscribe(handlers.router, downloads=app.state.downloads)
    service.add_worker(Worker("notices", Noticing(settings, app.state.downloads).step))
    app.state.catalogue = catalogue
    app.include_router(downloads.router)
    app.include_router(history.router)
    faceting, listing = Faceting(searching), Listing(searching, engine)
    api = PanoscApi(
        searching=searching,
        listing=listing,
        files=FilePages(catalogue),
        faceting=faceting,
        suggesting=Suggesting(faceting),
        quoting=Quoting(engine),
        exporting=Exporting(searching, listing),
    )
    records = Records(catalogue, site_url=settings.site_url)
    app.router.routes.extend(Citation(catalogue, records).routes())
    app.router.routes.extend(Landing(searching, catalogue).routes())
    app.router.routes.extend(api.routes())
    app.add_middleware(SearchFirst, api=api)
    app.add_middleware(
        CORSMiddleware,
        allow_origin_regex=".*",
        allow_credentials=True,
        allow_methods=["GET", "HEAD", "POST", "DELETE", "OPTIONS"],
        allow_headers=["*"],
        expose_headers=EXPOSED,
        max_age=DAY,
    )
    app.openapi = partial(document.document, app)
    _errors(app)
    return app


def _errors(app: FastAPI) -> None:
    """Every refusal in the shape of the search API."""

    @app.exception_handler(PortalError)
    async def refused(_request: Request, error: PortalError) -> Response:
        return responses.refused(error)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if error.status_code in (404, 405):
            path = request.url.path
            return responses.refused(
                NothingThere(f"There is no method to handle {request.method} {path[:300]}")
            )
        made = PortalError(str(error.detail))
        made.status = error.status_code
        return responses.refused(made)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> Response:
        told = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        return responses.refused(Refused("; ".join(told)[:1000]))
