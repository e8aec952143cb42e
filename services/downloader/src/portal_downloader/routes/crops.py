"""GET /data/{pid}/crop: a box of voxels of an OME-Zarr volume, as a file of its own.

Nothing is recalled: for files on tape the response lists the files of the box and how to request
them. Boxes are read in threads, a few at the same time, with one row of chunks in memory for each.
"""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import Request
from portal_shared.contracts.file_urls import folder_name
from portal_shared.runtime.errors import NotFound, Unavailable
from portal_shared.runtime.logs import logger
from starlette.datastructures import QueryParams
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from portal_downloader.crops.box import Box, BoxTooLarge, InvalidBox, Shape, check_size, parse_box
from portal_downloader.crops.grid import grid_of, parse_box_um
from portal_downloader.crops.memory import MemoryBudget
from portal_downloader.crops.volume import InvalidVolume, Level, levels
from portal_downloader.http import conditional, responses
from portal_downloader.http.access import FilesOffline
from portal_downloader.http.segments import StoredContent
from portal_downloader.routes.offline_files import offline_response
from portal_downloader.store.rows.dataset import DatasetRow
from portal_downloader.volumes.volume_files import VolumeFiles, contents_of

if TYPE_CHECKING:
    from portal_downloader.crops.containers import Container, Crop
    from portal_downloader.crops.voxels import Voxels

log = logger(__name__)

CROP_NAME = "crop"  # reserved, unless the dataset has such a file
PARAMETERS = ("level", "x", "y", "z", "unit", "format", "volume")
FORMATS = ("tiff", "nrrd", "zarr")
UNITS = ("voxel", "um")  # of the ranges
MAX_DECODED_PER_VOXEL = 8  # voxels decoded per voxel allowed in a box
MAX_FILES = 20_000
PIECE_BYTES = 2**20  # sent at once
GRACE_SECONDS = 120.0  # for every portion, besides the time at the lowest rate
MIN_BYTES_PER_SECOND = 2**18  # at which a reader must take a portion
CROP_VERSION = 1  # increased when the same box gives other bytes


@dataclass(frozen=True)
class CropRequest:
    """The parsed query string."""

    format: str
    level: int
    volume: str | None
    query: QueryParams

    @classmethod
    def parse(cls, query: QueryParams) -> "CropRequest":
        """Parses the query string. Raises InvalidBox with the field."""
        for name in query:
            if name not in PARAMETERS:
                raise InvalidBox(
                    f"is not known; there are {', '.join(PARAMETERS)}", field=name[:100]
                )
            if len(query.getlist(name)) > 1:
                raise InvalidBox("given more than once", field=name)
        kind, level = query.get("format", "tiff"), query.get("level", "0")
        if kind not in FORMATS:
            raise InvalidBox(f"unknown format; allowed are {', '.join(FORMATS)}", field="format")
        if query.get("unit", UNITS[0]) not in UNITS:
            raise InvalidBox(f"unknown unit; allowed are {', '.join(UNITS)}", field="unit")
        if not (level.isascii() and level.isdigit() and len(level) <= 3):  # noqa: PLR2004
            raise InvalidBox("must be a number from 0 (the finest level) on", field="level")
        volume = query.get("volume")
        return cls(kind, int(level), volume.strip("/") if volume is not None else None, query)

    def box(self, shape: Shape, level: Level) -> Box:
        """Returns the box, whose ranges are in voxels or in um. Raises InvalidBox."""
        if self.query.get("unit") == "um":
            return parse_box_um(self.query, shape, grid_of(level.frame))
        return parse_box(self.query, shape)


@dataclass(frozen=True)
class CropJob:
    """A box whose files are all online, ready to be sent."""

    container: "Container"
    portion_bytes: int  # memory for one portion
    digests: frozenset[str]
    tag: str
    name: str


class SlowReader(Exception):
    """The client takes a portion so slowly that it would hold its memory for too long."""


class CropResponse(StreamingResponse):
    """Streams a crop whose first portion is there; releases what the crop holds at its end."""

    def __init__(
        self, stream: AsyncGenerator[bytes | memoryview], headers: dict[str, str], first: bytes
    ) -> None:
        super().__init__(self._pieces(first), headers=headers)
        self._stream = stream

    @classmethod
    async def start(
        cls, stream: AsyncGenerator[bytes | memoryview], headers: dict[str, str]
    ) -> "CropResponse":
        """Generates the first portion. Raises InvalidBox if the volume cannot be read."""
        try:
            first = bytes(await anext(stream))
        except ValueError as error:  # InvalidChunk, whose module is slow to import
            raise InvalidBox(f"cannot be read: {error}", field="volume") from error
        except OSError as error:
            raise Unavailable("the files of the box have left the cache: try again") from error
        return cls(stream, headers, first)

    async def _pieces(self, first: bytes) -> AsyncGenerator[bytes | memoryview]:
        yield first
        async for piece in self._stream:
            yield piece

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with contextlib.aclosing(self._stream):
                await super().__call__(scope, receive, send)
        except (SlowReader, ValueError, OSError) as error:  # the connection ends, incomplete
            log.warning("crop ended early", path=scope["path"], reason=repr(error)[:300])


class CropResponder:
    """Answers requests for crops, with a limited number of boxes read at the same time."""

    def __init__(
        self,
        volumes: VolumeFiles,
        *,
        most_voxels: int,
        most_bytes: int,
        at_once: int,
    ) -> None:
        self._store = volumes.access
        self._volumes = volumes
        self._most = most_voxels
        self._memory = MemoryBudget(most_bytes)
        self._slots = asyncio.Semaphore(at_once)

    async def respond(self, request: Request, dataset: DatasetRow) -> Response:
        """Returns 200, 304, or 503 for files on tape. Raises InvalidBox, BoxTooLarge, NotFound."""
        crop_request = CropRequest.parse(request.query_params)
        try:
            job = await self._prepare(dataset, crop_request)
        except FilesOffline as offline:
            pid = dataset.pid
            return await offline_response(self._store, pid, offline.rows, what="box")
        except InvalidVolume as error:
            raise InvalidBox(f"cannot be cropped: {error}", field="volume") from error
        headers = {
            **responses.content_headers(job.container.media_type),
            "ETag": job.tag,
            "Last-Modified": conditional.http_date(dataset.listed_at),
            "Content-Disposition": f'attachment; filename="{job.name}"',
            "Accept-Ranges": "none",
        }
        if job.container.length is not None:
            headers["Content-Length"] = str(job.container.length)
        verdict = conditional.evaluate_conditions(
            request.headers, tag=job.tag, modified=dataset.listed_at
        )
        if verdict != 200:  # noqa: PLR2004
            return Response(status_code=verdict, headers={**headers, "Content-Length": "0"})
        if request.method == "HEAD":
            return Response(headers=headers)
        return await CropResponse.start(self._stream(job), headers)

    async def _prepare(self, dataset: DatasetRow, crop_request: CropRequest) -> CropJob:
        """Finds the files of the box and returns the job. Raises FilesOffline, InvalidVolume."""
        pid = dataset.pid
        group = await self._volumes.read_group(
            pid, await self._find_volume(pid, crop_request.volume)
        )
        volume, level = group.folder, self._level(group.metadata, crop_request)
        array = await self._volumes.array_contents(pid, volume, level)
        contents = {**group.contents, **array}
        voxels = await asyncio.to_thread(self._volumes.open_voxels, contents, level)
        box = crop_request.box(voxels.shape, level)
        check_size(box, voxels.chunk, most=self._most, decoded=MAX_DECODED_PER_VOXEL * self._most)
        if box.decoded_voxels(voxels.stored_chunk) > MAX_FILES * _voxel_count(voxels.stored_chunk):
            raise BoxTooLarge(f"the box needs more than {MAX_FILES} files: request a smaller box")
        portion_bytes = voxels.portion_bytes(box)
        if portion_bytes > self._memory.total:
            reason = f"the box needs {portion_bytes} bytes of memory: request a smaller box"
            raise BoxTooLarge(reason)
        keys = [f"{volume}{key}" for key in voxels.keys(box)]
        contents.update(contents_of(await self._volumes.online_rows(pid, keys), volume))
        tag = _tag(crop_request, box, contents)
        name = _name(pid, volume, crop_request, box)
        crop = partial(_crop, voxels, box, level, name=name, tag=tag)
        container = await asyncio.to_thread(_container, crop_request.format, crop)
        digests = frozenset(stored.sha256 for stored in contents.values())
        await self._store.mark_used(digests)
        return CropJob(container, portion_bytes, digests, tag, f"{name}{container.ending}")

    async def _find_volume(self, pid: str, name: str | None) -> str:
        """Returns the folder of the volume: empty, or ending with a slash."""
        if name is not None:
            return f"{name}/" if name else ""
        found = await self._volumes.folders(pid)
        if not found:
            raise NotFound(f"the dataset {pid!r} has no OME-Zarr volume")
        if len(found) > 1:
            listed = ", ".join(v.rstrip("/") or "/" for v in found[:10])
            raise InvalidBox(
                f"the dataset has several volumes; give one of them: {listed}", field="volume"
            )
        return found[0]

    def _level(self, metadata: dict[str, Any], crop_request: CropRequest) -> Level:
        found = levels(metadata)
        if crop_request.level >= len(found):
            raise InvalidBox(f"the volume has levels 0 to {len(found) - 1}", field="level")
        return found[crop_request.level]

    async def _stream(self, job: CropJob) -> AsyncGenerator[bytes | memoryview]:
        """Yields pieces of portions, each portion generated when the previous one was taken.

        The memory of a portion is reserved until it was taken. Raises InvalidBox, SlowReader.
        """
        loop = asyncio.get_running_loop()
        with self._store.protect(job.digests):
            portions = job.container.portions()
            while True:
                async with self._memory.reserve(job.portion_bytes):
                    async with self._slots:
                        portion = await asyncio.to_thread(_next, portions)
                    if portion is None:
                        return
                    deadline = loop.time() + GRACE_SECONDS + len(portion) / MIN_BYTES_PER_SECOND
                    for piece in _pieces(portion):
                        yield piece
                        if loop.time() > deadline:
                            raise SlowReader
                    del portion


def _pieces(portion: bytes) -> Iterator[memoryview]:
    view = memoryview(portion)
    for start in range(0, len(view), PIECE_BYTES):
        yield view[start : start + PIECE_BYTES]


def _next(portions: Iterator[bytes]) -> bytes | None:
    return next(portions, None)


def _voxel_count(shape: tuple[int, int, int]) -> int:
    return shape[0] * shape[1] * shape[2]


def _tag(crop_request: CropRequest, box: Box, files: dict[str, StoredContent]) -> str:
    """Returns an entity tag of the box and the content of all its files."""
    facts = [CROP_VERSION, crop_request.format, crop_request.level, box.start, box.stop]
    content = [*facts, *sorted((name, stored.sha256) for name, stored in files.items())]
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    weak = "W/" if crop_request.format == "zarr" else ""  # compressed bytes depend on the library
    return f'{weak}"crop-{digest}"'


def _name(pid: str, volume: str, crop_request: CropRequest, box: Box) -> str:
    (z0, y0, x0), (z1, y1, x1) = box.start, box.stop
    base = folder_name(f"{pid}-{volume.rstrip('/')}" if volume else pid)
    plain = base.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    return f"{plain}-level{crop_request.level}-x{x0}-{x1}-y{y0}-{y1}-z{z0}-{z1}"


def _crop(voxels: "Voxels", box: Box, level: Level, *, name: str, tag: str) -> "Crop":
    from portal_downloader.crops.containers import Crop  # noqa: PLC0415  # slow to import

    spans = zip("zyx", box.start, box.stop, strict=True)
    ranges = ", ".join(f"{axis} {first}:{end}" for axis, first, end in spans)
    about = f"voxels {ranges} of level {level.path}; {tag}"
    return Crop(voxels, box, level.frame.of(box), name, about)


def _container(kind: str, crop: "Callable[[], Crop]") -> "Container":
    from portal_downloader.crops import containers  # noqa: PLC0415  # slow to import

    try:
        return containers.FORMATS[kind](crop())
    except containers.UnsupportedVoxelType as error:
        raise InvalidBox(str(error), field="format") from error
