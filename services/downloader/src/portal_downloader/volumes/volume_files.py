"""Finds the files of OME-Zarr volumes, reads their metadata and opens their levels.

Nothing is recalled: what is on tape raises FilesOffline.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from portal_shared.ngff import ARRAY_FILES, GROUP_FILES

from portal_downloader.crops.volume import InvalidVolume, Level, is_container
from portal_downloader.http.access import FileAccess, FilesOffline
from portal_downloader.http.segments import StoredContent
from portal_downloader.store.files import Files
from portal_downloader.store.rows.file import FileRow

if TYPE_CHECKING:
    from portal_downloader.crops.voxels import Voxels

FIRST_IMAGE = "0"  # of a group of bioformats2raw that only contains images
MAX_METADATA_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Group:
    """The metadata of a volume."""

    folder: str  # its location: empty, or with a slash at the end
    contents: dict[str, StoredContent]  # of its metadata files, by name in the volume
    metadata: dict[str, Any]


class VolumeFiles:
    """Looks up files of volumes among those of public datasets."""

    def __init__(self, access: FileAccess, files: Files) -> None:
        self.access = access
        self.files = files

    async def folders(self, pid: str) -> list[str]:
        """Returns the folders of all volumes: empty, or with a slash at the end."""
        return await self.files.zarr_folders(pid)

    async def read_group(self, pid: str, folder: str) -> Group:
        """Returns the metadata of a volume; of a container, those of its first image.

        Raises FilesOffline, InvalidVolume.
        """
        group = await self._read(pid, folder)
        if is_container(group.metadata):
            group = await self._read(pid, f"{folder}{FIRST_IMAGE}/")
        return group

    async def _read(self, pid: str, folder: str) -> Group:
        rows = await self.online_rows(pid, [f"{folder}{name}" for name in GROUP_FILES])
        if not rows:
            raise InvalidVolume(f"there is no OME-Zarr {folder.rstrip('/')!r}")
        contents = contents_of(rows, folder)
        return Group(folder, contents, await asyncio.to_thread(self._parse, contents))

    async def array_contents(self, pid: str, folder: str, level: Level) -> dict[str, StoredContent]:
        """Returns the metadata files of a level, by name in the volume. Raises FilesOffline."""
        names = [f"{folder}{level.path}/{name}" for name in ARRAY_FILES]
        return contents_of(await self.online_rows(pid, names), folder)

    async def checked_files(self, pid: str, locations: Sequence[str]) -> list[FileRow]:
        """Returns those of these files that exist, as they are in the cache."""
        found = await self.files.find_many(pid, locations)
        return [await self.access.checked(file) for file in found]

    async def online_rows(self, pid: str, locations: Sequence[str]) -> list[FileRow]:
        """Returns those of these files that exist. Raises FilesOffline if one is offline."""
        files = await self.checked_files(pid, locations)
        offline = [file for file in files if not file.is_online]
        if offline:
            raise FilesOffline(offline, len(files))
        return files

    def open_voxels(self, contents: dict[str, StoredContent], level: Level) -> "Voxels":
        """Opens a level with these files. Blocking. Raises InvalidVolume."""
        from portal_downloader.crops import voxels  # noqa: PLC0415  # slow to import

        return voxels.Voxels(voxels.CacheStore(contents, self.access.open_content), level)

    @property
    def opener(self) -> Callable[[StoredContent], int | None]:
        return self.access.open_content

    def _parse(self, contents: dict[str, StoredContent]) -> dict[str, Any]:
        """Returns the metadata of a group. Blocking."""
        stored = contents.get("zarr.json") or contents.get(".zattrs")
        if stored is None or stored.size > MAX_METADATA_BYTES:
            raise InvalidVolume("it has no readable zarr.json or .zattrs")
        descriptor = self.access.open_content(stored)
        if descriptor is None:
            raise InvalidVolume("its metadata have left the cache; try again")
        try:
            with open(descriptor, "rb") as file:  # noqa: PTH123  # a descriptor
                found = json.load(file)
        except (ValueError, RecursionError) as error:
            raise InvalidVolume("its metadata are not JSON") from error
        if not isinstance(found, dict):
            raise InvalidVolume("its metadata are not a JSON object")
        return cast("dict[str, Any]", found)


def contents_of(files: Sequence[FileRow], folder: str) -> dict[str, StoredContent]:
    """Returns what these rows of files contain, by name in the volume."""
    return {
        file.location.removeprefix(folder): StoredContent(file.sha256, file.size) for file in files
    }
