"""GET /data/{pid}/crop: a box of voxels out of an OME-Zarr of the dataset, as a file of its own.

What is on tape is not recalled: the answer then says which files hold the box, and how to ask for
them. Boxes are cut by threads, few at once; one row of chunks is in memory for each.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from fastapi import Request
from portal_shared.runtime.errors import NotFound
from portal_shared.runtime.mongo import Doc
from starlette.datastructures import QueryParams
from starlette.responses import Response, StreamingResponse

from portal_downloader.bundles import bagit
from portal_downloader.crops import box as boxes
from portal_downloader.crops import volume as volumes
from portal_downloader.crops.box import BadBox, Box, TooLarge
from portal_downloader.crops.volume import Level, NoVolume
from portal_downloader.domain.states import shown
from portal_downloader.http import conditional, responses
from portal_downloader.http.access import Store
from portal_downloader.http.responses import problem
from portal_downloader.http.segments import Stored
from portal_downloader.store.files import Files

if TYPE_CHECKING:
    from portal_downloader.crops.containers import Container, Crop
    from portal_downloader.crops.voxels import Voxels

NAME = "crop"
KNOWN = ("level", "x", "y", "z", "format", "volume")
FORMATS = ("tiff", "nrrd", "zarr")
GROUP = ("zarr.json", ".zattrs", ".zgroup")  # metadata of a group, of either version
ARRAY = ("zarr.json", ".zarray", ".zattrs")
LARGEST_METADATA = 4 * 2**20
READ_FOR_ONE = 8  # voxels that may have to be decoded for one that is asked for, of the most
MOST_FILES = 20_000
RETRY_SECONDS = 30
GENERATION = 1  # grows when the same box gives other bytes


class Away(Exception):
    """Files that are needed and not online."""

    def __init__(self, rows: Sequence[Doc]) -> None:
        super().__init__(f"{len(rows)} files are not online")
        self.rows = rows


@dataclass(frozen=True)
class Wish:
    """What an address asks for."""

    format: str
    level: int
    volume: str | None
    query: QueryParams

    @classmethod
    def of(cls, query: QueryParams) -> "Wish":
        """Raises BadBox, naming the field."""
        for name in query:
            if name not in KNOWN:
                raise BadBox(f"is not known; there are {', '.join(KNOWN)}", field=name[:100])
            if len(query.getlist(name)) > 1:
                raise BadBox("is given more than once", field=name)
        kind, level = query.get("format", "tiff"), query.get("level", "0")
        if kind not in FORMATS:
            raise BadBox(f"is none of {', '.join(FORMATS)}", field="format")
        if not (level.isascii() and level.isdigit() and len(level) <= 3):  # noqa: PLR2004
            raise BadBox("a number from 0 (the finest) on", field="level")
        volume = query.get("volume")
        return cls(kind, int(level), volume.strip("/") if volume is not None else None, query)


@dataclass(frozen=True)
class Cut:
    """A box that can be cut: all of its files are here."""

    container: "Container"
    digests: frozenset[str]
    tag: str
    name: str


class Cropping:
    def __init__(self, store: Store, files: Files, *, most_voxels: int, at_once: int) -> None:
        self._store = store
        self._files = files
        self._most = most_voxels
        self._turns = asyncio.Semaphore(at_once)

    async def answer(self, request: Request, dataset: Doc) -> Response:
        """200, 304, or 503 for what is on tape. Raises BadBox, TooLarge, NotFound."""
        wish = Wish.of(request.query_params)
        try:
            cut = await self._cut(dataset, wish)
        except Away as away:
            return await self._not_online(dataset["_id"], away.rows)
        except NoVolume as error:
            raise BadBox(f"nothing can be cut out of it: {error}", field="volume") from error
        told = {
            **responses.headers(cut.container.media_type),
            "ETag": cut.tag,
            "Last-Modified": conditional.http_date(dataset["listed_at"]),
            "Content-Disposition": f'attachment; filename="{cut.name}"',
            "Accept-Ranges": "none",
        }
        if cut.container.length is not None:
            told["Content-Length"] = str(cut.container.length)
        verdict = conditional.judged(request.headers, tag=cut.tag, modified=dataset["listed_at"])
        if verdict != 200:  # noqa: PLR2004
            return Response(status_code=verdict, headers={**told, "Content-Length": "0"})
        if request.method == "HEAD":
            return Response(headers=told)
        return StreamingResponse(self._sent(cut), headers=told)

    async def _cut(self, dataset: Doc, wish: Wish) -> Cut:
        pid = dataset["_id"]
        volume = await self._volume(pid, wish.volume)
        metadata = await self._online(pid, [f"{volume}{name}" for name in GROUP])
        if not metadata:
            raise NoVolume(f"there is no OME-Zarr {volume.rstrip('/')!r}")
        level = self._level(await asyncio.to_thread(self._read, metadata, volume), wish)
        place = f"{volume}{level.path}/"
        metadata += await self._online(pid, [f"{place}{name}" for name in ARRAY])
        known = {row["location"].removeprefix(volume): _stored(row) for row in metadata}
        voxels = await asyncio.to_thread(self._opened, known, level)
        box = boxes.box(wish.query, voxels.shape)
        boxes.check(box, voxels.chunk, most=self._most, decoded=READ_FOR_ONE * self._most)
        if box.decoded(voxels.stored_chunk) > MOST_FILES * _volume_of(voxels.stored_chunk):
            raise TooLarge(f"more than {MOST_FILES} files would have to be read")
        rows = await self._online(pid, [f"{volume}{key}" for key in voxels.keys(box)])
        held = {row["location"].removeprefix(volume): _stored(row) for row in rows}
        known.update(held)
        tag = _tag(wish, box, known)
        name = _name(pid, volume, wish, box)
        crop = partial(_crop, voxels, box, level, name=name, tag=tag)
        container = await asyncio.to_thread(_container, wish.format, crop)
        digests = frozenset(stored.sha256 for stored in known.values())
        await self._store.wanted(digests)
        return Cut(container, digests, tag, f"{name}{container.ending}")

    async def _volume(self, pid: str, named: str | None) -> str:
        """Where the volume's metadata lie: empty, or ending with a slash."""
        if named is not None:
            return f"{named}/" if named else ""
        found = await self._files.volumes(pid)
        if not found:
            raise NotFound(f"the dataset {pid!r} has no OME-Zarr to cut from")
        if len(found) > 1:
            listed = ", ".join(v.rstrip("/") or "/" for v in found[:10])
            raise BadBox(
                f"the dataset has several volumes, name one of them: {listed}", field="volume"
            )
        return found[0]

    async def _online(self, pid: str, locations: Sequence[str]) -> list[Doc]:
        """Those of them that the dataset has. Raises Away where one is not online."""
        rows = await self._files.named(pid, locations)
        away = [row for row in rows if not await self._store.is_here(row)]
        if away:
            raise Away(away)
        return rows

    def _read(self, metadata: Sequence[Doc], volume: str) -> dict[str, Any]:
        """The metadata of the group; blocking."""
        by_name = {row["location"].removeprefix(volume): _stored(row) for row in metadata}
        stored = by_name.get("zarr.json") or by_name.get(".zattrs")
        if stored is None or stored.size > LARGEST_METADATA:
            raise NoVolume("it has no zarr.json and no .zattrs that can be read")
        descriptor = self._store.opened(stored)
        if descriptor is None:
            raise NoVolume("its metadata have left the cache")
        try:
            with open(descriptor, "rb") as file:  # noqa: PTH123  # a descriptor
                found = json.load(file)
        except (ValueError, RecursionError) as error:
            raise NoVolume("its metadata are no JSON") from error
        if not isinstance(found, dict):
            raise NoVolume("its metadata are no object")
        return cast("dict[str, Any]", found)

    def _level(self, metadata: dict[str, Any], wish: Wish) -> Level:
        found = volumes.levels(metadata)
        if wish.level >= len(found):
            raise BadBox(f"there are levels from 0 to {len(found) - 1}", field="level")
        return found[wish.level]

    def _opened(self, files: dict[str, Stored], level: Level) -> "Voxels":
        from portal_downloader.crops import voxels as arrays  # noqa: PLC0415  # dear, and for those who cut

        return arrays.Voxels(arrays.Cached(files, self._store.opened), level)

    async def _sent(self, cut: Cut) -> AsyncGenerator[bytes]:
        """Each portion is made when the one before was taken."""
        with self._store.reading(cut.digests):
            portions = cut.container.portions()
            while True:
                async with self._turns:
                    portion = await asyncio.to_thread(_next, portions)
                if portion is None:
                    return
                if portion:
                    yield portion

    async def _not_online(self, pid: str, rows: Sequence[Doc]) -> Response:
        states = set(await self._store.shown(pid, rows))
        broken = next((r for r in rows if shown(r["state"]) in ("UNAVAILABLE", "LOST")), None)
        if broken is not None:
            detail = f"{broken['location']!r} cannot be read: {broken['reason']}"
            return problem(503, detail, state=shown(broken["state"]), pid=pid)
        locations = [row["location"] for row in rows]
        wish: dict[str, Any] = {"pid": pid}
        if len(locations) <= 1000:  # noqa: PLR2004
            wish["files"] = locations
        return problem(
            503,
            f"{len(rows)} files that hold this box, or tell of it, are on tape or on their way:"
            " ask for them by the request given here, then come again",
            {"Retry-After": str(RETRY_SECONDS)},
            state="RESTORING" if states == {"RESTORING"} else "ARCHIVED",
            pid=pid,
            files=len(rows),
            bytes=sum(row["size"] or 0 for row in rows),
            request=self._store.ask(wish),
        )


def _next(portions: Iterator[bytes]) -> bytes | None:
    return next(portions, None)


def _stored(row: Doc) -> Stored:
    return Stored(row["sha256"], row["size"])


def _volume_of(shape: tuple[int, int, int]) -> int:
    return shape[0] * shape[1] * shape[2]


def _tag(wish: Wish, box: Box, files: dict[str, Stored]) -> str:
    """Of the box and of the content of all files it comes from."""
    facts = [GENERATION, wish.format, wish.level, box.start, box.stop]
    told = [*facts, *sorted((name, stored.sha256) for name, stored in files.items())]
    digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()
    weak = "W/" if wish.format == "zarr" else ""  # another library may compress otherwise
    return f'{weak}"crop-{digest}"'


def _name(pid: str, volume: str, wish: Wish, box: Box) -> str:
    (z0, y0, x0), (z1, y1, x1) = box.start, box.stop
    of = bagit.folder_name(f"{pid}-{volume.rstrip('/')}" if volume else pid)
    plain = of.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    return f"{plain}-level{wish.level}-x{x0}-{x1}-y{y0}-{y1}-z{z0}-{z1}"


def _crop(voxels: "Voxels", box: Box, level: Level, *, name: str, tag: str) -> "Crop":
    from portal_downloader.crops.containers import Crop  # noqa: PLC0415  # likewise

    spans = zip("zyx", box.start, box.stop, strict=True)
    ranges = ", ".join(f"{axis} {first}:{end}" for axis, first, end in spans)
    about = f"voxels {ranges} of level {level.path}; {tag}"
    return Crop(voxels, box, level.frame.of(box), name, about)


def _container(kind: str, crop: "Callable[[], Crop]") -> "Container":
    from portal_downloader.crops import containers  # noqa: PLC0415  # likewise

    try:
        return containers.FORMATS[kind](crop())
    except containers.NotInThisFormat as error:
        raise BadBox(str(error), field="format") from error
