"""Chooses the level of which a plane is shown: the finest that is online and fits."""

from collections.abc import Sequence
from dataclasses import dataclass

from portal_downloader.http.access import FilesOffline
from portal_downloader.volumes.description import (
    Description,
    Plane,
    VolumeLevel,
    find_plane,
    middle_plane,
)
from portal_downloader.volumes.planes import PlaneFiles, PlaneReader
from portal_downloader.volumes.slice_request import (
    DEFAULT_SIZE,
    InvalidSlice,
    SliceRequest,
    SliceTooLarge,
)


@dataclass(frozen=True)
class ChosenPlane:
    """A plane whose files are online."""

    plane: Plane
    files: PlaneFiles
    is_final: bool  # no recall would make another level be chosen


class PlaneChooser:
    def __init__(self, reader: PlaneReader) -> None:
        self._reader = reader

    async def requested(self, description: Description, request: SliceRequest) -> ChosenPlane:
        """Returns the plane of a request.

        Raises InvalidSlice, SliceTooLarge, and FilesOffline if no level that fits is online.
        """
        if request.level is None:
            return await self._finest(description, request)
        level = _level(description, request.level)
        plane = find_plane(description, level, request)
        self._reader.check_cost(plane)
        return ChosenPlane(plane, await self._reader.files_of(description, plane), is_final=True)

    async def _finest(self, description: Description, request: SliceRequest) -> ChosenPlane:
        size = request.size or DEFAULT_SIZE
        readable = [level for level in description.levels if level.voxels]
        planes = [find_plane(description, level, request) for level in readable]
        fitting = [plane for plane in planes if max(plane.sides) <= size]
        larger = [plane for plane in planes if max(plane.sides) > size]
        return await self._first_online(description, [*fitting, *reversed(larger)])

    async def thumbnail(self, description: Description, size: int) -> ChosenPlane:
        """Returns the middle plane along z of the coarsest online level with `size` pixels.

        Raises SliceTooLarge, FilesOffline.
        """
        planes = [middle_plane(level) for level in description.levels if level.voxels]
        large = [plane for plane in reversed(planes) if max(plane.sides) >= size]
        smaller = [plane for plane in planes if max(plane.sides) < size]
        return await self._first_online(description, [*large, *smaller])

    async def _first_online(self, description: Description, planes: Sequence[Plane]) -> ChosenPlane:
        """Returns the first of these planes that is online and not too large.

        FilesOffline has the files of the first plane that could be read.
        """
        too_large: SliceTooLarge | None = None
        offline: FilesOffline | None = None
        for plane in planes:
            try:
                self._reader.check_cost(plane)
                files = await self._reader.files_of(description, plane)
            except SliceTooLarge as error:
                too_large = error
            except FilesOffline as error:
                offline = offline or error
            else:
                return ChosenPlane(plane, files, is_final=offline is None)
        if offline is not None:
            raise offline
        raise too_large or InvalidSlice("the volume has no level that can be read", field="volume")


def _level(description: Description, number: int) -> VolumeLevel:
    """Returns a level. Raises InvalidSlice; FilesOffline if its metadata are on tape."""
    if number >= len(description.levels):
        reason = f"the volume has levels 0 to {len(description.levels) - 1}"
        raise InvalidSlice(reason, field="level")
    level = description.levels[number]
    if level.problem:
        raise InvalidSlice(f"cannot be read: {level.problem}", field="level")
    if level.voxels is None:
        files = [file for file in description.offline if file.location.startswith(level.folder)]
        raise FilesOffline(files, len(files))
    return level
