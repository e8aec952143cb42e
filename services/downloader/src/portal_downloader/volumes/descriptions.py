"""Loads descriptions of volumes and keeps the most recently used ones in memory.

A description belongs to one version of the file list of a dataset, and is not changed by what is
recalled or evicted; while metadata of some levels are on tape, it is loaded again each time.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from portal_shared.ngff import ARRAY_FILES
from portal_shared.runtime.errors import NotFound

from portal_downloader.crops import volume as volumes
from portal_downloader.crops.grid import grid_of
from portal_downloader.crops.volume import InvalidVolume, Level
from portal_downloader.http.access import FilesOffline
from portal_downloader.http.segments import StoredContent
from portal_downloader.store.rows.dataset import DatasetRow
from portal_downloader.store.rows.file import FileRow
from portal_downloader.volumes import description as descriptions
from portal_downloader.volumes.bounded_cache import BoundedCache
from portal_downloader.volumes.description import Description, VolumeLevel
from portal_downloader.volumes.slice_request import InvalidSlice
from portal_downloader.volumes.volume_files import Group, VolumeFiles, contents_of

MAX_DESCRIPTIONS = 512
MAX_LEVELS = 32
MAX_THUMBNAILS = 100  # files of a dataset among which one is chosen
PICTURE_VERSION = 1  # increased when the same slice gives another picture
RESERVED = ("slices/", "thumbnail/", "volume")  # addresses, unless a file has one of these names


@dataclass(frozen=True)
class DatasetVolumes:
    """The volumes of one version of a dataset."""

    folders: tuple[str, ...]
    own_names: frozenset[str]  # those of RESERVED that files of the dataset use
    thumbnails: tuple[str, ...]  # locations of files with this role


class Descriptions:
    def __init__(self, files: VolumeFiles) -> None:
        self._files = files
        self._volumes = BoundedCache[DatasetVolumes](4 * MAX_DESCRIPTIONS)
        self._descriptions = BoundedCache[Description](MAX_DESCRIPTIONS)

    async def volumes(self, dataset: DatasetRow) -> DatasetVolumes:
        """Returns the volumes of a dataset, and which reserved names its files use."""
        pid = dataset.pid
        key = pid, dataset.list_version
        found = self._volumes.get(key)
        if found is None:
            own = [name for name in RESERVED if await self._files.files.any_below(pid, name)]
            folders = await self._files.folders(pid)
            pictures = await self._files.files.with_role(pid, "thumbnail", MAX_THUMBNAILS)
            found = DatasetVolumes(tuple(folders), frozenset(own), tuple(pictures))
            self._volumes.put(key, found, 1)
        return found

    @staticmethod
    def version_of(dataset: DatasetRow) -> str:
        """Returns the version of the volumes of a dataset and of their pictures."""
        return f"{dataset.list_version}.{PICTURE_VERSION}"

    async def load(self, dataset: DatasetRow, name: str | None) -> Description:
        """Returns the description of a volume, by default of the first one.

        Raises NotFound, InvalidSlice; FilesOffline if the metadata are on tape.
        """
        pid = dataset.pid
        folder = await self._folder(dataset, name)
        key = pid, dataset.list_version, folder
        found = self._descriptions.get(key)
        if found is None:
            try:
                found = await self._load(dataset, folder)
            except InvalidVolume as error:
                raise InvalidSlice(f"cannot be shown: {error}", field="volume") from error
            if found.is_complete:
                self._descriptions.put(key, found, 1)
        return found

    async def _folder(self, dataset: DatasetRow, name: str | None) -> str:
        found = await self.volumes(dataset)
        if not found.folders:
            raise NotFound(f"the dataset {dataset.pid!r} has no OME-Zarr volume")
        if name is None:
            return found.folders[0]
        folder = f"{name}/" if name else ""
        if folder not in found.folders:
            listed = ", ".join(f.rstrip("/") or "/" for f in found.folders[:10])
            reason = f"there is no OME-Zarr {name[:200]!r}; there are {listed}"
            raise InvalidSlice(reason, field="volume")
        return folder

    async def _load(self, dataset: DatasetRow, folder: str) -> Description:
        pid = dataset.pid
        group = await self._files.read_group(pid, folder)
        given = volumes.levels(group.metadata)
        if len(given) > MAX_LEVELS:
            raise InvalidVolume(f"it has {len(given)} levels, at most {MAX_LEVELS} are shown")
        levels, offline = await self._levels(pid, group, given)
        if not any(level.voxels for level in levels):
            if offline:
                raise FilesOffline(offline, len(offline))
            raise InvalidVolume(levels[0].problem or "no level can be read")
        return Description(
            pid=pid,
            version=self.version_of(dataset),
            name=folder.rstrip("/"),
            folder=group.folder,
            ngff_version=descriptions.ngff_version(group.metadata),
            units=given[0].frame.units,
            levels=tuple(levels),
            window=descriptions.metadata_window(group.metadata),
            offline=tuple(offline),
        )

    async def _levels(
        self, pid: str, group: Group, given: Sequence[Level]
    ) -> tuple[list[VolumeLevel], list[FileRow]]:
        """Returns the levels, and the metadata files that are on tape."""
        names = [f"{group.folder}{level.path}/{name}" for level in given for name in ARRAY_FILES]
        files = await self._files.checked_files(pid, names)
        readable = [file for file in files if file.is_online]
        offline = [file for file in files if not file.is_online]
        contents = {**group.contents, **contents_of(readable, group.folder)}
        on_tape = {file.location.rpartition("/")[0] for file in offline}
        found = [
            await asyncio.to_thread(
                self._open, number, level, group, contents, f"{group.folder}{level.path}" in on_tape
            )
            for number, level in enumerate(given)
        ]
        return found, offline

    def _open(
        self,
        number: int,
        level: Level,
        group: Group,
        contents: dict[str, StoredContent],
        is_on_tape: bool,  # noqa: FBT001
    ) -> VolumeLevel:
        """Opens a level. Blocking."""
        voxels = problem = None
        if not is_on_tape:
            own = {k: v for k, v in contents.items() if k.startswith(f"{level.path}/")}
            try:
                voxels = self._files.open_voxels(own, level)
            except InvalidVolume as error:
                problem = str(error)
        return VolumeLevel(
            number=number,
            path=level.path,
            folder=f"{group.folder}{level.path}/",
            grid=grid_of(level.frame),
            voxels=voxels,
            problem=problem,
        )
