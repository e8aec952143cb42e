"""The JSON that describes a volume: what a viewer needs to show it."""

from typing import Any
from urllib.parse import quote

from portal_shared.contracts.file_urls import data_path

from portal_downloader.store.files import FolderSum
from portal_downloader.volumes.description import Description, VolumeLevel, WindowSource
from portal_downloader.volumes.slice_request import AXES

Json = dict[str, Any]
SLICE_QUERY = "{&level,window,format,size,um}"
THUMBNAIL_QUERY = "{&format}"


def volume_document(
    description: Description,
    *,
    site_url: str,
    availability: str | None,
    volumes: tuple[str, ...],
    sums: dict[int, FolderSum],
    window: WindowSource | None,
    max_crop_voxels: int,
) -> Json:
    """Returns the description of a volume; `sums` are the files of each level."""
    base = f"{site_url}{data_path(description.pid)}"
    query = f"?v={description.version}"
    if len(volumes) > 1:
        query += f"&volume={quote(description.name, safe='')}"
    units = set(description.units)
    return {
        "pid": description.pid,
        "version": description.version,
        "volume": description.name,
        "volumes": [folder.rstrip("/") for folder in volumes],
        "url": _address(site_url, description.pid, description.folder),
        "ome_zarr_version": description.ngff_version,
        "availability": availability,
        "axes": list(AXES),
        "unit": units.pop() if len(units) == 1 else None,
        "window": window
        and {"start": window.window.low, "end": window.window.high, "source": window.source},
        "max_crop_voxels": max_crop_voxels,
        "levels": [
            _level(level, description, site_url, sums[level.number]) for level in description.levels
        ],
        "slices": f"{base}slices/{{axis}}/{{index}}{query}{SLICE_QUERY}",
        "thumbnail": f"{base}thumbnail/{{size}}{query}{THUMBNAIL_QUERY}",
    }


def _level(level: VolumeLevel, description: Description, site_url: str, found: FolderSum) -> Json:
    voxels = level.voxels
    return {
        "level": level.number,
        "path": level.path,
        "shape": voxels and list(voxels.shape),
        "voxel_um": level.grid and list(level.grid.voxel),
        "translation_um": level.grid and list(level.grid.offset),
        "chunk": voxels and list(voxels.chunk),
        "shard": voxels and list(voxels.stored_chunk),
        "dtype": voxels and voxels.dtype.name,
        "files": found.files,
        "bytes": found.bytes,
        "online": found.offline == 0,
        "problem": level.problem,
        "url": _address(site_url, description.pid, level.folder),
    }


def _address(site_url: str, pid: str, folder: str) -> str:
    return f"{site_url}{data_path(pid, folder)}"
