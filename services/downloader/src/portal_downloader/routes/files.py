"""GET /data/{pid}/{location} returns a file, GET /data/{pid}/ a listing. Neither recalls a file.

Locations are looked up in the database; no path of the disk is made from them.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from portal_shared.contracts.file_urls import parse_data_path
from portal_shared.contracts.records import Availability
from portal_shared.runtime.errors import NotFound

from portal_downloader.bundles.selection import parse_selection
from portal_downloader.domain.states import recall_outcome
from portal_downloader.http import responses
from portal_downloader.http.access import FileAccess
from portal_downloader.http.problems import CORS, problem
from portal_downloader.metrics import FILE_READS
from portal_downloader.routes import folders
from portal_downloader.routes.bundles import BundleResponder
from portal_downloader.routes.crops import CROP_NAME, CropResponder
from portal_downloader.routes.estimates import ESTIMATE_NAME, EstimateResponder
from portal_downloader.routes.volumes import VOLUME_NAMES, VolumeResponder
from portal_downloader.store.requests import Requests
from portal_downloader.store.rows.file import FileRow

router = APIRouter()

RETRY_SECONDS = 10
ALLOWED = "GET, HEAD, OPTIONS"


def _bundles(request: Request) -> BundleResponder:
    bundles: BundleResponder = request.app.state.bundles
    return bundles


def _requests(request: Request) -> Requests:
    requests: Requests = request.app.state.requests
    return requests


def _crops(request: Request) -> CropResponder:
    crops: CropResponder = request.app.state.crops
    return crops


BundlesDep = Annotated[BundleResponder, Depends(_bundles)]
RequestsDep = Annotated[Requests, Depends(_requests)]


def _volumes(request: Request) -> VolumeResponder:
    volumes: VolumeResponder = request.app.state.volumes
    return volumes


def _estimates(request: Request) -> EstimateResponder:
    estimates: EstimateResponder = request.app.state.estimates
    return estimates


VolumesDep = Annotated[VolumeResponder, Depends(_volumes)]
CropsDep = Annotated[CropResponder, Depends(_crops)]
EstimatesDep = Annotated[EstimateResponder, Depends(_estimates)]


@router.api_route("/data/{rest:path}", methods=["GET", "HEAD"], include_in_schema=False)
async def read(
    request: Request,
    bundles: BundlesDep,
    *,
    requests: RequestsDep,
    crops: CropsDep,
    volumes: VolumesDep,
    estimates: EstimatesDep,
) -> Response:
    found = parse_data_path(bytes(request.scope["raw_path"]))
    if found is None:
        raise NotFound("the address contains no dataset identifier")
    pid, location = found
    if location == CROP_NAME and not await bundles.access.exists(pid, location):
        dataset = await bundles.access.dataset(pid)
        return await crops.respond(request, dataset)
    if location == ESTIMATE_NAME and not await bundles.access.exists(pid, location):
        return await estimates.respond(request, await bundles.access.dataset(pid))
    if location.startswith(VOLUME_NAMES):
        dataset = await bundles.access.dataset(pid)
        if await volumes.handles(dataset, location):
            return await volumes.respond(request, dataset, location)
    if location and not location.endswith("/"):
        return await _file(request, bundles.access, pid, location)
    dataset = await bundles.access.dataset(pid)
    chosen = await parse_selection(pid, location, request.query_params, requests)
    kind = request.query_params.get("format")
    if kind is not None:
        return await bundles.respond(request, kind, dataset, chosen)
    return await folders.respond(request, bundles, dataset, chosen)


@router.options("/data/{rest:path}", include_in_schema=False)
async def allow(rest: str) -> Response:  # noqa: ARG001  # the same for every path
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


async def _file(request: Request, access: FileAccess, pid: str, location: str) -> Response:
    """Returns the content of a file, or 503 if it is offline."""
    file = await access.checked(await access.file(pid, location))
    FILE_READS.labels("online" if file.is_online else "offline").inc()
    if not file.is_online:
        [state] = await access.availabilities(pid, [file])
        return _not_online(access, file, state)
    return responses.stored_file_response(request, file, access)


def _not_online(access: FileAccess, file: FileRow, state: Availability) -> Response:
    """Returns 503 with the availability of the file and how to request it."""
    extensions: dict[str, Any] = {"state": state, "pid": file.pid, "location": file.location}
    if file.reason:
        extensions["reason"] = file.reason
    if (outcome := recall_outcome(file.state)) is not None:
        extensions["recall"] = outcome
    if state in ("UNAVAILABLE", "LOST"):
        return problem(503, f"{file.location!r} is unavailable: {file.reason}", **extensions)
    extensions["request"] = access.request_hint({"pid": file.pid, "files": [file.location]})
    detail = "the file is on tape: send the request given here, then try again"
    if state == "RESTORING":
        detail = "the file is being recalled from tape: try again later"
    return problem(503, detail, {"Retry-After": str(RETRY_SECONDS)}, **extensions)
