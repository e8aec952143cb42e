"""Routes /api/records/{pid}/overlay: where zooms lie in their overviews.

For readers, for a viewer, and for programs that resample volumes.
"""

from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath
from portal_shared.contracts.file_urls import data_path, folder_name
from portal_shared.registration import inverse
from pydantic import BaseModel, Field

from portal_gateway.errors import BadRequest, ResourceNotFound
from portal_gateway.http import responses
from portal_gateway.overlays import transform_files, viewer_state
from portal_gateway.overlays.loader import LoadedOverlay, OverlayLoader
from portal_gateway.overlays.overlay import Overlay, OverlayRegistration

router = APIRouter(tags=["records"])
GROUP_FILES = ("zarr.json", ".zattrs", "attributes.json")
MAX_GROUP_FILES = 10_000  # of all volumes in a state
Pid = Annotated[str, InPath(description="Persistent identifier or DOI of a dataset")]
_CONTENT: dict[str, Any] = {
    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
}
_MISSING: dict[int | str, dict[str, Any]] = {
    404: {"description": "There is no such public dataset", "content": _CONTENT},
    410: {"description": "The dataset was withdrawn", "content": _CONTENT},
}


class ViewerState(BaseModel):
    """State of Neuroglancer, with links that open it."""

    state: dict[str, Any] = Field(description="Layers, matrices, boxes, scale bar, position")
    link: str = Field(description="Address of the viewer with the whole state")
    short_link: str = Field(description="Address of the viewer, which then loads the state")


@router.get(
    "/api/records/{pid:path}/overlay/neuroglancer.json",
    responses={**_MISSING, 200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def viewer_state_alone(request: Request, pid: Pid) -> Response:
    """Return the state alone, as Neuroglancer loads it from an address."""
    state, _ = await _build_state(request, pid)
    return responses.json_response(request, state)


@router.get(
    "/api/records/{pid:path}/overlay/neuroglancer",
    response_model=ViewerState,
    responses=_MISSING,
)
async def viewer(request: Request, pid: Pid) -> Response:
    """Return the state of Neuroglancer: a zoom in its overview, or an overview with its zooms."""
    state, found = await _build_state(request, pid)
    settings = request.app.state.overlay_settings
    page = settings.viewer_url
    opened = f"{settings.site_url}{page}" if page.startswith("/") else page
    address = f"{settings.site_url}/api/records/{quote(found, safe='')}/overlay/neuroglancer.json"
    view = ViewerState(
        state=state,
        link=viewer_state.link(opened, state),
        short_link=f"{opened}#!{address}",
    )
    return responses.json_response(request, view.model_dump(mode="json"))


@router.get(
    "/api/records/{pid:path}/overlay/transform",
    response_class=Response,
    responses={
        **_MISSING,
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        400: {"description": "Several zooms are registered: name one", "content": _CONTENT},
    },
)
async def transform_file(
    request: Request,
    pid: Pid,
    form: Annotated[
        Literal["itk", "nrrd"],
        Query(
            alias="format",
            description="itk: a transform of points in µm; nrrd: a header that places the zoom",
        ),
    ] = "itk",
    zoom: Annotated[
        str | None, Query(description="Pid of the zoom; required if several are registered")
    ] = None,
    direction: Annotated[
        Literal["to-overview", "to-zoom"], Query(description="Of the points, for itk")
    ] = "to-overview",
) -> Response:
    """Return the registration of a zoom as a file for other programs."""
    loaded = await _loader(request).load(pid)
    registration = _select(loaded.overlay, zoom)
    source = loaded.placements[registration.source].volume
    matrix = registration.matrix_um
    if source is None or matrix is None:
        raise ResourceNotFound(f"The zoom {registration.source} has no position in an overview")
    names = f"{registration.source} in {registration.target}"
    if form == "nrrd":
        comment = f"position of {names}, in micrometres; set 'data file' to the voxels"
        content = transform_files.nrrd_header(source, matrix, registration.source, comment)
        return _file(request, content, "nhdr", registration)
    is_forward = direction == "to-overview"
    used = matrix if is_forward else inverse(matrix)
    comment = f"{names}: points {'of the zoom' if is_forward else 'of the overview'}, um"
    content = transform_files.itk_transform(used, comment)
    return _file(request, content, "tfm", registration)


@router.get("/api/records/{pid:path}/overlay", response_model=Overlay, responses=_MISSING)
async def overlay(request: Request, pid: Pid) -> Response:
    """Return where the zooms of an overview lie in it, or where a zoom lies in its overview."""
    loaded = await _loader(request).load(pid)
    return responses.json_response(request, loaded.overlay.model_dump(mode="json"))


def _loader(request: Request) -> OverlayLoader:
    return request.app.state.overlays


async def _build_state(request: Request, pid: str) -> tuple[dict[str, Any], str]:
    """Returns the state and the pid of the record."""
    loaded = await _loader(request).load(pid)
    sources = await _image_sources(request, loaded)
    state = viewer_state.build_state(loaded.overlay, loaded.placements, sources)
    return state, loaded.overlay.pid


async def _image_sources(request: Request, loaded: LoadedOverlay) -> dict[str, str]:
    """Returns the addresses of the image data of all volumes, as Neuroglancer names them."""
    files = await _loader(request).catalogue.find_files_by_name(
        list(loaded.placements), GROUP_FILES, limit=MAX_GROUP_FILES
    )
    site = request.app.state.overlay_settings.site_url
    return {
        pid: f"{kind}://{site}{data_path(pid, folder)}{'/' if folder else ''}"
        for pid, (kind, folder) in viewer_state.find_image_groups(files).items()
    }


def _select(overlay: Overlay, zoom: str | None) -> OverlayRegistration:
    """Returns the registration of this zoom, or the only one."""
    found = [r for r in overlay.registrations if r.matrix_um is not None]
    own = [r for r in found if r.source == (zoom or overlay.pid)]
    if own:
        return own[0]
    if zoom is not None:
        raise BadRequest(f"zoom: {zoom[:300]!r} is not registered to {overlay.pid}")
    if not found:
        raise ResourceNotFound(f"No zoom is registered to {overlay.pid}")
    if len(found) > 1:
        zooms = ", ".join(r.source for r in found[:10])
        raise BadRequest(f"zoom: name one of the {len(found)} registered zooms, such as {zooms}")
    return found[0]


def _file(
    request: Request, content: str, ending: str, registration: OverlayRegistration
) -> Response:
    name = f"{folder_name(registration.source)}.{ending}"
    return responses.content_response(
        request,
        content.encode(),
        media_type="text/plain; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )
