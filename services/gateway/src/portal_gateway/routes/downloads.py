"""/api/downloads: ask for files on tape and see how far they are. /data: the files themselves."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from portal_shared.service.app import Service

from portal_gateway.downloads import event_stream, quota
from portal_gateway.downloads import request as asking
from portal_gateway.downloads.repository import Downloads
from portal_gateway.downloads.views import staging, told
from portal_gateway.http import pages
from portal_gateway.http.data_proxy import DataProxy
from portal_gateway.settings import GatewaySettings

REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "additionalProperties": False,
                "required": ["pid"],
                "properties": {
                    "pid": {"type": "string", "description": "pid or DOI of a dataset"},
                    "files": {
                        "type": "array",
                        "items": {"type": "string"},
                        "minItems": 1,
                        "maxItems": asking.MOST_FILES,
                        "description": "locations; all files when left out",
                    },
                    "email": {"type": "string", "description": "told when it has ended"},
                    "webhook": {
                        "type": "string",
                        "description": "called by POST when it has ended, with its state",
                    },
                },
            }
        }
    },
}


MOST_SHOWN = 1000


@asynccontextmanager
async def _proxying(app: FastAPI) -> AsyncGenerator[None]:
    service: Service = app.state.service
    settings = service.settings
    assert isinstance(settings, GatewaySettings)  # noqa: S101  # what build() gives it
    proxy = DataProxy(settings.downloader_url)
    app.state.data_proxy = proxy
    yield
    await proxy.close()


router = APIRouter(lifespan=_proxying)


def _downloads(request: Request) -> Downloads:
    downloads: Downloads = request.app.state.downloads
    return downloads


@router.post(
    "/api/downloads",
    status_code=202,
    tags=["downloads"],
    openapi_extra={"requestBody": REQUEST_BODY},
)
async def ask(request: Request) -> Response:
    """Ask for all files of a dataset, or some; under an Idempotency-Key, twice is once."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > asking.LARGEST_BODY:
            break
    wish = asking.wish(bytes(body))
    key = asking.idempotency_key(request.headers.get("idempotency-key"))
    downloads = _downloads(request)
    host = request.client.host if request.client else None
    who = quota.requester(host, await downloads.readers_key())
    row = await downloads.request(wish, key, who)
    state = told(row)
    headers = {"Location": state["self"], "Cache-Control": "no-store"}
    return JSONResponse(state, 202, headers)


@router.get("/api/staging", tags=["downloads"])
async def being_staged(request: Request) -> Response:
    """What is on its way from tape for anybody, by dataset; without who asked for it."""
    rows = await _downloads(request).under_way(MOST_SHOWN)
    headers = {"Cache-Control": "public, max-age=5", "Vary": "Accept"}
    accepted = request.headers.get("accept", "")
    if "text/html" in accepted and "application/json" not in accepted:  # a browser
        text = pages.staging(staging(rows))
        return HTMLResponse(text, headers={**headers, **pages.HEADERS})
    return JSONResponse({"datasets": staging(rows), "downloads": len(rows)}, headers=headers)


@router.delete("/api/downloads/{request_id}", tags=["downloads"])
async def cancel(request: Request, request_id: str) -> Response:
    """Not wanted any more: what nobody else waits for is not staged."""
    row = await _downloads(request).cancel(request_id)
    return JSONResponse(told(row), headers={"Cache-Control": "no-store"})


@router.get("/api/downloads/{request_id}", tags=["downloads"])
async def show(request: Request, request_id: str) -> Response:
    """How far it is."""
    row = await _downloads(request).find(request_id)
    return JSONResponse(told(row), headers={"Cache-Control": "no-store"})


@router.get("/api/downloads/{request_id}/events", tags=["downloads"])
async def follow(request: Request, request_id: str) -> Response:
    """The same, whenever it changes, as server-sent events; ends when it is done."""
    downloads = _downloads(request)
    row = await downloads.find(request_id)
    last = request.headers.get("last-event-id", "")
    seen = int(last) if last.isascii() and last.isdigit() and len(last) < 12 else -1  # noqa: PLR2004
    if row["done"] and seen >= row["version"]:
        return Response(status_code=204)  # tells the reader not to come again
    return StreamingResponse(
        event_stream.stream(downloads, row, seen=seen),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


@router.api_route("/data/{rest:path}", methods=["GET", "HEAD", "OPTIONS"], include_in_schema=False)
async def data(request: Request) -> Response:
    proxy: DataProxy = request.app.state.data_proxy
    return proxy.answer(request)
