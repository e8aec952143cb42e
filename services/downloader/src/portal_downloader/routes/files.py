"""GET /data/{pid}/{location}: the bytes; GET /data/{pid}/: what there is. Neither recalls a file.

What is named is looked up in the database; no path of the disk is ever made from it.
"""

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from portal_shared.contracts.file_urls import parse_data_path
from portal_shared.contracts.records import Availability
from portal_shared.runtime.errors import NotFound
from portal_shared.runtime.mongo import Doc

from portal_downloader.bundles.selection import selection
from portal_downloader.domain.file_rows import tag_of
from portal_downloader.domain.states import given_up
from portal_downloader.http import media_types, responses, segments
from portal_downloader.http.access import Store
from portal_downloader.http.responses import CORS, Shown, problem
from portal_downloader.http.segments import Stored
from portal_downloader.routes import crops as cropping
from portal_downloader.routes import folders
from portal_downloader.routes.bundles import Delivery
from portal_downloader.routes.crops import Cropping
from portal_downloader.store.requests import Requests

router = APIRouter()

RETRY_SECONDS = 10
ALLOWED = "GET, HEAD, OPTIONS"


def _delivery(request: Request) -> Delivery:
    delivery: Delivery = request.app.state.delivery
    return delivery


def _requests(request: Request) -> Requests:
    requests: Requests = request.app.state.requests
    return requests


def _cropping(request: Request) -> Cropping:
    cropping: Cropping = request.app.state.cropping
    return cropping


Delivers = Annotated[Delivery, Depends(_delivery)]
Known = Annotated[Requests, Depends(_requests)]
Crops = Annotated[Cropping, Depends(_cropping)]


@router.api_route("/data/{rest:path}", methods=["GET", "HEAD"], include_in_schema=False)
async def read(request: Request, delivery: Delivers, requests: Known, crops: Crops) -> Response:
    found = parse_data_path(bytes(request.scope["raw_path"]))
    if found is None:
        raise NotFound("this names no dataset")
    pid, location = found
    if location == cropping.NAME and not await delivery.store.has(pid, location):
        dataset = await delivery.store.dataset(pid)
        return await crops.answer(request, dataset)
    if location and not location.endswith("/"):
        return await _file(request, delivery.store, pid, location)
    dataset = await delivery.store.dataset(pid)
    chosen = await selection(pid, location, request.query_params, requests)
    kind = request.query_params.get("format")
    if kind is not None:
        return await delivery.answer(request, kind, dataset, chosen)
    return await folders.answer(request, delivery, dataset, chosen)


@router.options("/data/{rest:path}", include_in_schema=False)
async def allow(rest: str) -> Response:  # noqa: ARG001  # the same for all
    headers = {
        **CORS,
        "Access-Control-Allow-Methods": ALLOWED,
        "Access-Control-Allow-Headers": (
            "Range, If-Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since"
        ),
        "Access-Control-Max-Age": "86400",
        "Allow": ALLOWED,
    }
    return Response(status_code=204, headers=headers)


async def _file(request: Request, store: Store, pid: str, location: str) -> Response:
    row = await store.file(pid, location)
    if not await store.is_here(row):
        [state] = await store.shown(pid, [row])
        return _not_online(store, row, state)
    kind = media_types.media_type(location)
    digest = base64.b64encode(bytes.fromhex(row["sha256"])).decode()
    headers = {**responses.headers(kind), "Repr-Digest": f"sha-256=:{digest}:"}
    if media_types.is_active(kind):
        headers["Content-Disposition"] = "attachment"
    stored = Stored(row["sha256"], row["size"])
    told = Shown(
        segments.of([stored]), tag_of(stored.sha256), row["changed_at"], [stored.sha256], stored
    )
    return responses.answer(request, told, headers, store)


def _not_online(store: Store, row: Doc, state: Availability) -> Response:
    """Where it is, and how to ask for it."""
    more: dict[str, Any] = {"state": state, "pid": row["pid"], "location": row["location"]}
    if row.get("reason"):
        more["reason"] = row["reason"]
    if (ended := given_up(row["state"])) is not None:
        more["recall"] = ended
    if state in ("UNAVAILABLE", "LOST"):
        return problem(503, f"{row['location']!r} cannot be read: {row['reason']}", **more)
    more["request"] = store.ask({"pid": row["pid"], "files": [row["location"]]})
    detail = "the file is on tape: ask for it by the request given here, then come again"
    if state == "RESTORING":
        detail = "the file is on its way from tape: come again"
    return problem(503, detail, {"Retry-After": str(RETRY_SECONDS)}, **more)
