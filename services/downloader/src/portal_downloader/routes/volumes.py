"""GET /data/{pid}/volume, slices/{axis}/{index} and thumbnail/{size}. Nothing is recalled.

These names are reserved, unless the dataset has such files.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request
from portal_shared.runtime.errors import NotFound, Unavailable
from portal_shared.runtime.logs import logger
from starlette.responses import JSONResponse, Response

from portal_downloader.crops.errors import FileEvicted
from portal_downloader.http import conditional, responses
from portal_downloader.http.access import FilesOffline
from portal_downloader.http.problems import CORS, problem
from portal_downloader.routes.offline_files import offline_response
from portal_downloader.settings import DownloaderSettings
from portal_downloader.store.damages import Damages
from portal_downloader.store.files import Files, FolderSum
from portal_downloader.store.rows.dataset import DatasetRow
from portal_downloader.store.rows.file import FileRow
from portal_downloader.volumes import slice_request
from portal_downloader.volumes.bounded_cache import BoundedCache
from portal_downloader.volumes.description import Description, WindowSource
from portal_downloader.volumes.descriptions import Descriptions
from portal_downloader.volumes.plane_choice import PlaneChooser
from portal_downloader.volumes.planes import DamagedChunk, PlaneReader
from portal_downloader.volumes.renderer import Drawing, Renderer, picture_size
from portal_downloader.volumes.slice_request import InvalidSlice, SliceTooLarge
from portal_downloader.volumes.volume_document import volume_document
from portal_downloader.volumes.volume_files import VolumeFiles
from portal_downloader.volumes.workers import Overloaded, Workers

log = logger(__name__)

THUMBNAILS = {"small": 160, "medium": 320, "large": 640}  # pixels
VOLUME, SLICES, THUMBNAIL = "volume", "slices/", "thumbnail/"
VOLUME_NAMES = (VOLUME, SLICES, THUMBNAIL)
IMMUTABLE = "public, max-age=31536000, immutable, no-transform"
SUMS_SECONDS = 5.0  # the sums of a volume's files are cached for so long
MAX_SUMS = 512
SLICE_HEADERS = (
    "Slice-Level, Slice-Index, Slice-Position-Um, Slice-Pixel-Um, Slice-Shape, Slice-Window"
)


class VolumeResponder:
    """Answers requests for descriptions of volumes, slices and thumbnails."""

    def __init__(
        self,
        volumes: VolumeFiles,
        descriptions: Descriptions,
        chooser: PlaneChooser,
        renderer: Renderer,
        *,
        workers: Workers,
        damages: Damages,
        max_crop_voxels: int,
    ) -> None:
        self._max_crop_voxels = max_crop_voxels
        self._access = volumes.access
        self._files: Files = volumes.files
        self._descriptions = descriptions
        self._chooser = chooser
        self._renderer = renderer
        self._workers = workers
        self._damages = damages
        self._sums = BoundedCache[tuple[float, dict[int, FolderSum]]](MAX_SUMS)

    async def handles(self, dataset: DatasetRow, location: str) -> bool:
        """Returns whether this is an address of a volume, and not of a file of the dataset."""
        kind = next((name for name in VOLUME_NAMES if _is_below(location, name)), "")
        return bool(kind) and kind not in (await self._descriptions.volumes(dataset)).own_names

    async def respond(self, request: Request, dataset: DatasetRow, location: str) -> Response:
        """Returns 200, 304, 429, 503 for files on tape, or 422 for a damaged chunk.

        Raises InvalidSlice, SliceTooLarge, NotFound, Unavailable.
        """
        respond: Callable[[Request, DatasetRow, str], Awaitable[Response]] = self._volume
        if location != VOLUME:
            respond = self._slice if location.startswith(SLICES) else self._thumbnail
        try:
            with self._workers.admit():
                return await respond(request, dataset, location)
        except FilesOffline as offline:
            return await offline_response(self._access, dataset.pid, offline.rows, what="picture")
        except Overloaded as error:
            return problem(429, error.reason, {"Retry-After": str(error.retry_seconds)})
        except FileEvicted as error:
            raise Unavailable("the files of the slice have left the cache: try again") from error
        except DamagedChunk as error:
            return await self._damaged(dataset.pid, error)

    async def _slice(self, request: Request, dataset: DatasetRow, location: str) -> Response:
        axis, _, position = location.removeprefix(SLICES).partition("/")
        wanted = slice_request.parse_slice(axis, position, request.query_params)
        description = await self._descriptions.load(dataset, wanted.volume)
        chosen = await self._chooser.requested(description, wanted)
        window = wanted.window or (await self._renderer.window(description)).window
        size = picture_size(wanted.size, wanted.level)
        drawing = Drawing(description, chosen, window, wanted.format, size)
        return await self._picture(request, dataset, drawing, wanted.version)

    async def _thumbnail(self, request: Request, dataset: DatasetRow, location: str) -> Response:
        name, query = location.removeprefix(THUMBNAIL), request.query_params
        slice_request.check_names(query, slice_request.THUMBNAIL_PARAMETERS)
        if name not in THUMBNAILS:
            listed = ", ".join(THUMBNAILS)
            raise NotFound(f"there is no thumbnail {name[:40]!r}; there are {listed}")
        kind = slice_request.parse_format(query)
        file = await self._thumbnail_file(dataset, name, kind, exact="format" in query)
        if file is not None and "volume" not in query:
            version = self._descriptions.version_of(dataset)
            headers = {"Cache-Control": IMMUTABLE} if query.get("v") == version else {}
            return responses.stored_file_response(request, file, self._access, headers)
        description = await self._descriptions.load(dataset, slice_request.parse_volume(query))
        size = THUMBNAILS[name]
        chosen = await self._chooser.thumbnail(description, size)
        window = (await self._renderer.window(description)).window
        drawing = Drawing(description, chosen, window, kind, size, square=True)
        return await self._picture(request, dataset, drawing, query.get("v"))

    async def _thumbnail_file(
        self, dataset: DatasetRow, size: str, kind: str, *, exact: bool
    ) -> FileRow | None:
        """Returns the thumbnail that the dataset has as a file, if it is online.

        Its name has the size; with `exact`, it must be of this format.
        """
        names = (await self._descriptions.volumes(dataset)).thumbnails
        own = [name for name in names if size in name.rpartition("/")[2].lower()]
        chosen = [name for name in own if name.lower().endswith(f".{kind}")]
        if not chosen and not exact:
            chosen = own
        for location in chosen:
            file = await self._files.find(dataset.pid, location)
            if file is not None and (await self._access.checked(file)).is_online:
                return file
        return None

    async def _picture(
        self, request: Request, dataset: DatasetRow, drawing: Drawing, version: str | None
    ) -> Response:
        tag = drawing.tag
        headers = {
            **responses.content_headers(f"image/{drawing.format}"),
            **_slice_headers(drawing),
            "ETag": tag,
            "Last-Modified": conditional.http_date(dataset.listed_at),
            "Accept-Ranges": "none",
        }
        if version == drawing.description.version and drawing.chosen.is_final:
            headers["Cache-Control"] = IMMUTABLE
        verdict = conditional.evaluate_conditions(
            request.headers, tag=tag, modified=dataset.listed_at
        )
        if verdict != 200:  # noqa: PLR2004
            return Response(status_code=verdict, headers=headers)
        content = await self._renderer.draw(drawing)
        return Response(content, headers=headers)

    async def _volume(self, request: Request, dataset: DatasetRow, _location: str) -> Response:
        query = request.query_params
        slice_request.check_names(query, slice_request.VOLUME_PARAMETERS)
        description = await self._descriptions.load(dataset, slice_request.parse_volume(query))
        body = volume_document(
            description,
            site_url=self._access.site_url,
            availability=dataset.availability,
            volumes=(await self._descriptions.volumes(dataset)).folders,
            sums=await self._level_sums(description),
            window=await self._known_window(description),
            max_crop_voxels=self._max_crop_voxels,
        )
        return JSONResponse(body, headers={**CORS, "Cache-Control": "no-cache"})

    async def _level_sums(self, description: Description) -> dict[int, FolderSum]:
        """Returns the files of each level; cached, because all their rows are counted."""
        key, now = (description.pid, description.version, description.folder), _now()
        cached = self._sums.get(key)
        if cached is not None and cached[0] > now:
            return cached[1]
        found = {
            level.number: await self._files.folder_sum(description.pid, level.folder)
            for level in description.levels
        }
        self._sums.put(key, (now + SUMS_SECONDS, found), 1)
        return found

    async def _known_window(self, description: Description) -> WindowSource | None:
        """Returns the display window; None if it cannot be computed now."""
        try:
            return await self._renderer.window(description)
        except (FilesOffline, SliceTooLarge, InvalidSlice, DamagedChunk, Overloaded, OSError):
            return None

    async def _damaged(self, pid: str, error: DamagedChunk) -> Response:
        """Returns 422 with the chunk, and reports it to the operators."""
        chunk = "/".join(map(str, error.chunk))
        log.error("chunk damaged", pid=pid, location=error.location, reason=error.reason)
        await self._damages.report(pid, error.location, chunk=chunk, reason=error.reason)
        detail = f"chunk {chunk} (z/y/x) in {error.location!r} is damaged: {error.reason}"
        return problem(
            422, detail, field="volume", pid=pid, location=error.location, chunk=list(error.chunk)
        )


def make_volume_responder(
    volumes: VolumeFiles, damages: Damages, workers: Workers, settings: DownloaderSettings
) -> VolumeResponder:
    """Builds the responder with its caches."""
    reader = PlaneReader(volumes, memory_bytes=settings.slice_memory_bytes)
    chooser = PlaneChooser(reader)
    renderer = Renderer(reader, chooser, workers, memory_bytes=settings.picture_memory_bytes)
    return VolumeResponder(
        volumes,
        Descriptions(volumes),
        chooser,
        renderer,
        workers=workers,
        damages=damages,
        max_crop_voxels=settings.crop_voxels,
    )


def _is_below(location: str, name: str) -> bool:
    return location.startswith(name) if name.endswith("/") else location == name


def _now() -> float:
    return asyncio.get_running_loop().time()


def _slice_headers(drawing: Drawing) -> dict[str, str]:
    """Returns which plane a picture shows, and the size of its voxels."""
    plane = drawing.chosen.plane
    rows, columns = plane.sides
    found: dict[str, Any] = {
        "Slice-Level": plane.level.number,
        "Slice-Index": plane.index,
        "Slice-Shape": f"{rows} {columns}",
        "Slice-Window": f"{drawing.window.low:.12g}:{drawing.window.high:.12g}",
    }
    if plane.position_um is not None and plane.pixel_um is not None:
        height, width = plane.pixel_um
        found["Slice-Position-Um"] = f"{plane.position_um:.12g}"
        found["Slice-Pixel-Um"] = f"{height:.12g} {width:.12g}"
    exposed = f"{CORS['Access-Control-Expose-Headers']}, {SLICE_HEADERS}"
    return {**{k: str(v) for k, v in found.items()}, "Access-Control-Expose-Headers": exposed}
