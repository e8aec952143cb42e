"""Routes /api/downloads and /api/staging, and /data, which the downloader answers."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from portal_shared.runtime.metrics import count_result
from portal_shared.service.app import Service

from portal_gateway.catalogue import Catalogue
from portal_gateway.downloads.create import DownloadCreator
from portal_gateway.downloads.event_stream import EventStream, stream_events
from portal_gateway.downloads.repository import Downloads
from portal_gateway.downloads.request import (
    MAX_BODY_BYTES,
    MAX_FILES,
    parse_form,
    parse_idempotency_key,
    parse_request,
)
from portal_gateway.downloads.views import (
    DownloadView,
    StagingList,
    download_view,
    staging_view,
)
from portal_gateway.downloads.watch import StreamLimits
from portal_gateway.downloads.webhooks import Webhooks
from portal_gateway.http.data_proxy import DataProxy
from portal_gateway.http.problem_docs import problems
from portal_gateway.metrics import DOWNLOAD_REQUESTS
from portal_gateway.settings import GatewaySettings

MAX_STAGING = 1000  # downloads that /api/staging lists
MAX_EVENT_ID_DIGITS = 11
FORM = "application/x-www-form-urlencoded"
NO_STORE = {"Cache-Control": "no-store"}
REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "additionalProperties": False,
                "required": ["pid"],
                "properties": {
                    "pid": {"type": "string", "description": "Pid or DOI of a dataset"},
                    "files": {
                        "type": "array",
                        "items": {"type": "string"},
                        "minItems": 1,
                        "maxItems": MAX_FILES,
                        "description": "Locations of files; default: all files",
                    },
                    "folder": {
                        "type": "string",
                        "description": "Instead of files: all files below this folder",
                    },
                    "email": {
                        "type": "string",
                        "description": "Gets a message when the download has ended",
                    },
                    "webhook": {
                        "type": "string",
                        "description": "Is called by POST with the state when it has ended",
                    },
                },
            }
        }
    },
}


@asynccontextmanager
async def _clients(app: FastAPI) -> AsyncGenerator[None]:
    service: Service = app.state.service
    settings = service.settings
    assert isinstance(settings, GatewaySettings)  # noqa: S101  # build() passes it
    proxy = DataProxy(settings.downloader_url)
    app.state.data_proxy = proxy
    yield
    await proxy.close()
    webhooks: Webhooks = app.state.webhooks
    await webhooks.close()


router = APIRouter(lifespan=_clients)


def _downloads(request: Request) -> Downloads:
    downloads: Downloads = request.app.state.downloads
    return downloads


async def _requester(request: Request) -> str:
    """Returns the identifier of the reader's network."""
    creator: DownloadCreator = request.app.state.download_creator
    return await creator.identify(request.client.host if request.client else None)


@router.post(
    "/api/downloads",
    status_code=202,
    tags=["downloads"],
    response_model=DownloadView,
    responses={
        303: {"description": "The download of a form, which leads to its page"},
        **problems(400, 404, 410, 429, 503),
    },
    openapi_extra={"requestBody": REQUEST_BODY},
)
async def create_download(request: Request) -> Response:
    """Request files of a dataset.

    Repeating a request with the same Idempotency-Key returns the first download. An HTML form may
    send the same fields; its answer leads to the page of the download.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            break
    is_form = request.headers.get("content-type", "").startswith(FORM)
    creator: DownloadCreator = request.app.state.download_creator
    with count_result(DOWNLOAD_REQUESTS, success="accepted"):
        parsed = parse_form(bytes(body)) if is_form else parse_request(bytes(body))
        key = parse_idempotency_key(request.headers.get("idempotency-key"))
        view = download_view(await creator.create(parsed, key, await _requester(request)))
    if is_form:
        return Response(status_code=303, headers={"Location": f"/downloads/{view.id}", **NO_STORE})
    return JSONResponse(view.as_json(), 202, {"Location": view.self_, **NO_STORE})


@router.get("/api/staging", tags=["downloads"], response_model=StagingList)
async def list_staging(request: Request) -> Response:
    """List the datasets whose files are being recalled from tape, for all readers together."""
    pending = await _downloads(request).load_unfinished(MAX_STAGING)
    catalogue: Catalogue = request.app.state.catalogue
    public = await catalogue.visible_datasets(download.pid for download in pending)
    downloads = [download for download in pending if download.pid in public]
    datasets = staging_view(downloads)
    view = StagingList(datasets=datasets, downloads=len(downloads))
    return JSONResponse(view.model_dump(), headers={"Cache-Control": "public, max-age=5"})


@router.delete(
    "/api/downloads/{request_id}",
    tags=["downloads"],
    response_model=DownloadView,
    responses=problems(404),
)
async def cancel_download(request: Request, request_id: str) -> Response:
    """Cancel a download. Files that no other download needs are not recalled."""
    download = await _downloads(request).cancel(request_id)
    return JSONResponse(download_view(download).as_json(), headers=NO_STORE)


@router.get(
    "/api/downloads/{request_id}",
    tags=["downloads"],
    response_model=DownloadView,
    responses=problems(404),
)
async def show_download(request: Request, request_id: str) -> Response:
    """Show the state of a download."""
    download = await _downloads(request).load(request_id)
    return JSONResponse(download_view(download).as_json(), headers=NO_STORE)


@router.get(
    "/api/downloads/{request_id}/events",
    tags=["downloads"],
    response_class=Response,
    responses={
        200: {
            "description": "An event for each change, with the download as JSON",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        204: {"description": "It has ended, and the client has its last event"},
        **problems(404, 429),
    },
)
async def follow_download(request: Request, request_id: str) -> Response:
    """Follow the state of a download by server-sent events, until it has ended."""
    downloads = _downloads(request)
    download = await downloads.load(request_id)
    last_id = request.headers.get("last-event-id", "")
    is_version = last_id.isascii() and last_id.isdigit() and len(last_id) <= MAX_EVENT_ID_DIGITS
    last_version = int(last_id) if is_version else -1
    if download.done and last_version >= download.version:
        return Response(status_code=204)  # the client does not reconnect
    limits: StreamLimits = request.app.state.stream_limits
    reader = await _requester(request)
    limits.check(reader)
    events = stream_events(downloads.watch, download, last_version=last_version)
    return EventStream(events, limits, reader)


@router.api_route("/data/{rest:path}", methods=["GET", "HEAD", "OPTIONS"], include_in_schema=False)
async def forward_data(request: Request) -> Response:
    proxy: DataProxy = request.app.state.data_proxy
    return proxy.forward(request)
