"""Draws pictures of planes in the threads of `Workers`, and keeps the newest in memory."""

import asyncio
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from portal_downloader.volumes.bounded_cache import BoundedCache
from portal_downloader.volumes.description import Description, WindowSource
from portal_downloader.volumes.plane_choice import ChosenPlane, PlaneChooser
from portal_downloader.volumes.planes import PlaneReader
from portal_downloader.volumes.slice_request import DEFAULT_SIZE, MAX_SIZE, PictureFormat, Window
from portal_downloader.volumes.workers import Workers

WINDOW_SIZE = 256  # pixels of the plane of which a window is computed


@dataclass(frozen=True)
class Drawing:
    """Everything on which the bytes of a picture depend."""

    description: Description
    chosen: ChosenPlane
    window: Window
    format: PictureFormat
    size: int
    square: bool = False  # a thumbnail

    @property
    def tag(self) -> str:
        """Returns the entity tag."""
        plane = self.chosen.plane
        facts = [
            self.description.pid, self.description.version, plane.level.folder, plane.axis,
            plane.index, plane.pixel_um, self.window.low, self.window.high, self.format, self.size,
            self.square, self.chosen.files.digest,
        ]  # fmt: skip
        return f'"slice-{hashlib.sha256(json.dumps(facts).encode()).hexdigest()}"'


class Renderer:
    def __init__(
        self, reader: PlaneReader, chooser: PlaneChooser, workers: Workers, *, memory_bytes: int
    ) -> None:
        self._reader = reader
        self._chooser = chooser
        self._workers = workers
        self._pictures = BoundedCache[bytes](memory_bytes)
        self._pending: dict[str, asyncio.Future[bytes]] = {}

    async def draw(self, drawing: Drawing) -> bytes:
        """Returns the picture. Raises Overloaded, DamagedChunk, FileEvicted."""
        tag = drawing.tag
        found = self._pictures.get(tag)
        if found is not None:
            return found
        pending = self._pending.get(tag)
        if pending is None:
            pending = asyncio.ensure_future(self._workers.run(lambda: self._drawn(drawing)))
            self._pending[tag] = pending
            pending.add_done_callback(lambda done: self._finished(tag, done))
        return await asyncio.shield(pending)

    def _finished(self, tag: str, done: "asyncio.Future[bytes]") -> None:
        del self._pending[tag]
        if not done.cancelled() and done.exception() is None:
            content = done.result()
            self._pictures.put(tag, content, len(content) + len(tag))

    def _drawn(self, drawing: Drawing) -> bytes:
        """Returns the bytes of a picture. Blocking."""
        from portal_downloader.volumes import pictures  # noqa: PLC0415  # slow to import

        chosen = drawing.chosen
        plane = self._reader.read(drawing.description, chosen.plane, chosen.files)
        draw = pictures.thumbnail if drawing.square else pictures.draw
        picture = draw(plane, drawing.window, drawing.size, chosen.plane.pixel_um)
        return pictures.encode(picture, drawing.format)

    async def window(self, description: Description) -> WindowSource:
        """Returns the display window of a volume: that of its metadata, else one that fits.

        Raises FilesOffline if it must be computed and no level is online, SliceTooLarge,
        Overloaded, DamagedChunk, FileEvicted.
        """
        if description.window is not None:
            return WindowSource(description.window, "metadata")
        if description.computed:
            return description.computed[0]
        chosen = await self._chooser.thumbnail(description, WINDOW_SIZE)
        found = await self._workers.run(lambda: self._computed(description, chosen))
        description.computed[:] = [found]
        return found

    def _computed(self, description: Description, chosen: ChosenPlane) -> WindowSource:
        """Returns the window of a type of one byte, else of the values of a plane. Blocking."""
        from portal_downloader.volumes import pictures  # noqa: PLC0415  # slow to import

        whole = pictures.type_window(chosen.plane.voxels.dtype)
        if whole is not None:
            return WindowSource(whole, "type")
        plane: Any = self._reader.read(description, chosen.plane, chosen.files)
        return WindowSource(pictures.computed_window(plane), "computed")


def picture_size(requested: int | None, level: int | None) -> int:
    """Returns the longest side that a picture may have: of a given level, all of its plane."""
    return requested or (DEFAULT_SIZE if level is None else MAX_SIZE)
